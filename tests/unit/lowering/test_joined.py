"""Sums of a bank's weight gradients over routing steps, found in a compiler's graph and joined."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import fx

from dnac import lowering
from dnac.lowering.joined import LARGE, MANY_ROWS, JoinedGradients, _is_worth_it, _terms
from dnac.lowering.products import rows_outer

ADD = torch.ops.aten.add.Tensor


def graph_of(steps: int, rows: int = 64, inner: int = 16) -> tuple[fx.Graph, list[fx.Node], fx.Node]:
    """`outer(x0, y0) + outer(x1, y1) + ...`, returned."""
    graph, products = fx.Graph(), []
    for s in range(steps):
        shapes = {"x": (rows, inner), "y": (rows, 32), "ends": (3,)}
        given = [graph.placeholder(f"{name}{s}") for name in shapes]
        for node, shape in zip(given, shapes.values(), strict=True):
            node.meta["val"] = torch.empty(shape, device="meta")
        products.append(graph.call_function(rows_outer, tuple(given)))
    total = products[0]
    for product in products[1:]:
        total = graph.call_function(ADD, (total, product))
    graph.output(total)
    return graph, products, total


def test_a_sum_is_traced_to_all_its_products() -> None:
    graph, products, total = graph_of(4)
    assert _terms(graph)[total] == products


def test_a_product_that_somebody_else_reads_is_no_part_of_a_sum() -> None:
    graph, products, total = graph_of(2)
    with graph.inserting_after(total):
        graph.call_function(torch.ops.aten.neg.default, (products[0],))
    assert total not in _terms(graph)


def test_many_rows_of_a_large_weight_are_left_to_aten() -> None:
    few, many, small = (
        graph_of(1, *sizes)[1][0] for sizes in ((64, LARGE), (3 * MANY_ROWS, LARGE), (3 * MANY_ROWS, 16))
    )
    assert [_is_worth_it(product) for product in (few, many, small)] == [True, False, True]


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="the joined product is a Triton kernel")
def test_the_pass_leaves_one_product_with_the_steps_in_order() -> None:
    graph, products, _ = graph_of(3)
    given = [product.args for product in products]
    JoinedGradients()(graph)
    (joined,) = (node for node in graph.nodes if node.op == "call_function")
    assert joined.target is torch.ops.dnac.rows_outer_joined.default
    assert [list(column) for column in zip(*joined.args, strict=True)] == [list(args) for args in given]


def test_every_kernel_is_an_operator_that_a_graph_can_hold() -> None:
    kernels = Path(lowering.__file__).parent / "kernels"
    texts = {path.name: path.read_text(encoding="utf-8") for path in kernels.glob("*.py")}
    assert "outer.py" in texts
    assert [name for name, text in texts.items() if "custom_op" in text] == []

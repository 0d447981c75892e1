"""Sums of a bank's weight gradients over routing steps, found in a compiler's graph and joined."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx

from dnac import lowering
from dnac.lowering.joined import JoinedGradients, _terms
from dnac.lowering.products import rows_outer

ADD = torch.ops.aten.add.Tensor
INTERPRETED = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") != "1", reason="the joined product is a Triton kernel"
)


def graph_of(
    steps: int, rows: int = 64, inner: int = 16, product: Any = rows_outer, device: str = "meta"
) -> tuple[fx.Graph, list[fx.Node], fx.Node]:
    """`outer(x0, y0) + outer(x1, y1) + ...`, returned."""
    graph, products = fx.Graph(), []
    for s in range(steps):
        shapes = {"x": (rows, inner), "y": (rows, 32), "ends": (3,)}
        given = [graph.placeholder(f"{name}{s}") for name in shapes]
        for node, shape in zip(given, shapes.values(), strict=True):
            node.meta["val"] = torch.empty(shape, device="meta")
        products.append(graph.call_function(product, tuple(given)))
        products[-1].meta["val"] = torch.empty((3, inner, 32), device=device)
    total = products[0]
    for product in products[1:]:
        total = graph.call_function(ADD, (total, product))
    graph.output(total)
    return graph, products, total


def test_a_sum_is_traced_to_all_its_products() -> None:
    graph, products, total = graph_of(4)
    assert _terms(graph)[total] == products


@pytest.mark.parametrize(
    ("device", "left"), [("cpu", ["gmm_w_joined"]), ("meta", ["gmm_w", "gmm_w", "add", "gmm_w", "add"])]
)
def test_products_of_the_portable_lowering_are_joined_on_a_cpu_alone(device: str, left: list[str]) -> None:
    graph, products, _ = graph_of(3, product=torch.ops.dnac.gmm_w.default, device=device)
    given = [product.args for product in products]
    JoinedGradients()(graph)
    found = [node for node in graph.nodes if node.op == "call_function"]
    assert sorted(node.target.name().split("::")[1].split(".")[0] for node in found) == sorted(left)
    if device == "cpu":
        assert [list(column) for column in zip(*found[0].args, strict=True)] == [list(args) for args in given]


def test_a_product_that_somebody_else_reads_is_no_part_of_a_sum() -> None:
    graph, products, total = graph_of(2)
    with graph.inserting_after(total):
        graph.call_function(torch.ops.aten.neg.default, (products[0],))
    assert total not in _terms(graph)


@INTERPRETED
def test_the_pass_leaves_one_product_with_the_steps_in_order() -> None:
    graph, products, _ = graph_of(3)
    given = [product.args for product in products]
    JoinedGradients()(graph)
    (joined,) = (node for node in graph.nodes if node.op == "call_function")
    assert joined.target is torch.ops.dnac.rows_outer_joined.default
    assert [list(column) for column in zip(*joined.args, strict=True)] == [list(args) for args in given]


def require_the_sum(sizes: tuple[int, int], rows: int, dtype: torch.dtype, device: str) -> None:
    from dnac.lowering.kernels.outer import rows_outer_joined

    torch.manual_seed(0)
    (i, o), M, apart = sizes, 3, 300
    xs, ys = ([torch.randn(rows + apart * s, w).to(device, dtype)[:rows] for s in range(3)] for w in (i, o))
    # all rows of one module; an empty module; rows at the end that belong to nobody
    splits = ([rows, rows, rows], [rows // 3, rows // 3, rows], [5, rows // 2, rows - 7])
    ends = [torch.tensor(split, dtype=torch.int32, device=device) for split in splits]
    for x, end in zip(xs, ends, strict=True):
        x[end[-1] :] = float("nan")
    wanted = torch.zeros(M, i, o, device=device)
    for x, y, split in zip(xs, ys, splits, strict=True):
        for m, (low, high) in enumerate(zip([0, *split], split, strict=False)):
            wanted[m] += x[low:high].float().T @ y[low:high].float()
    found = rows_outer_joined(xs[::-1], ys[::-1], ends[::-1])  # the first step does not lie lowest in memory
    assert ((found.float() - wanted).abs().max() / wanted.abs().max()) < 4e-3


@INTERPRETED
@pytest.mark.parametrize(("sizes", "rows", "dtype"), [
    ((128, 128), 150, torch.float16),
    ((128, 256), 2400, torch.float16),
    ((48, 72), 150, torch.float16),
    ((128, 128), 150, torch.float32),
])  # fmt: skip
def test_the_joined_product_is_the_sum_of_the_steps(sizes: tuple[int, int], rows: int, dtype: torch.dtype) -> None:
    require_the_sum(sizes, rows, dtype, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("rows", [1000, 3000, 6000])
@pytest.mark.parametrize("sizes", [(128, 256), (768, 2304), (256, 128), (48, 72)])
def test_on_a_gpu_the_joined_product_is_the_sum_of_the_steps(sizes: tuple[int, int], rows: int) -> None:
    require_the_sum(sizes, rows, torch.bfloat16, "cuda")


@pytest.mark.gpu
def test_a_cuda_graph_of_the_joined_product_reads_its_own_rows_at_every_replay() -> None:
    from dnac.lowering.kernels.outer import rows_outer_joined

    torch.manual_seed(0)
    xs, ys = ([torch.randn(1000, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3)] for _ in range(2))
    ends = [torch.tensor([300, 700, 1000], dtype=torch.int32, device="cuda") for _ in range(3)]
    rows_outer_joined(xs, ys, ends)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = rows_outer_joined(xs, ys, ends)
    for _ in range(3):
        for tensor in (*xs, *ys):
            tensor.normal_()
        torch.full((4096,), 7, pin_memory=True)  # where a table of addresses on the host would have been
        graph.replay()
        assert torch.equal(found, rows_outer_joined(xs, ys, ends))


@INTERPRETED
def test_a_program_from_the_compilers_cache_finds_the_operator_that_the_pass_put_in() -> None:
    asks = "import dnac.lowering.grouped, torch; print(hasattr(torch.ops.dnac, 'rows_outer_joined'))"
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"


def test_every_kernel_is_an_operator_that_a_graph_can_hold() -> None:
    kernels = Path(lowering.__file__).parent / "kernels"
    texts = {path.name: path.read_text(encoding="utf-8") for path in kernels.glob("*.py")}
    assert "outer.py" in texts
    assert [name for name, text in texts.items() if "custom_op" in text] == []

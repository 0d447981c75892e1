"""A pass over the compiler's backward graph: weight gradients of one bank, summed over routing steps, in one product.

Autograd leaves `rows_outer(x1, y1) + rows_outer(x2, y2) + ...`, a bank-sized tensor for each step; the
sum becomes one `rows_outer_joined`. The values differ in rounding alone: sums stay in float32. On a CPU the
same holds of `gmm_w` and `gmm_w_joined`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch._inductor.custom_graph_pass import CustomGraphPass

from dnac.lowering import gmm, products

VERSION = "dnac.joined.4"


class JoinedGradients(CustomGraphPass):
    """For `torch.compile(options={"post_grad_custom_pre_pass": ...})`."""

    def __call__(self, graph: fx.Graph) -> None:
        """Replace every sum of two or more."""
        terms = _terms(graph)
        for node, found in terms.items():
            is_inner = all(user in terms for user in node.users) and node.users
            if len(found) > 1 and not is_inner:
                _replace(graph, node, found)
        graph.eliminate_dead_code()

    def uuid(self) -> str:
        """Names this pass in the compiler's cache."""
        return VERSION


def _terms(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """Products, and sums of nothing but products that nobody else reads, to their products."""
    found: dict[fx.Node, list[fx.Node]] = {}
    for node in graph.nodes:
        if node.target is products.rows_outer or _is_on_cpu(node):
            found[node] = [node]
        elif node.target is torch.ops.aten.add.Tensor and not node.kwargs:
            parts = [found.get(arg) if isinstance(arg, fx.Node) and len(arg.users) == 1 else None for arg in node.args]
            if all(part is not None for part in parts) and len({part[0].target for part in parts if part}) == 1:
                found[node] = [product for part in parts for product in part or ()]
    return found


def _replace(graph: fx.Graph, total: fx.Node, found: list[fx.Node]) -> None:
    columns = [list(column) for column in zip(*(node.args for node in found), strict=True)]
    with graph.inserting_before(total):
        joined = graph.call_function(_joined(found[0]), tuple(columns))
    joined.meta.update(total.meta)
    total.replace_all_uses_with(joined)


def _is_on_cpu(node: fx.Node) -> bool:
    """Whether it is a `gmm_w` there: on a GPU the grouped lowering has its own."""
    return node.target is torch.ops.dnac.gmm_w.default and node.meta["val"].device.type == "cpu"


def _joined(node: fx.Node) -> Any:
    if node.target is torch.ops.dnac.gmm_w.default:
        return gmm.gmm_w_joined
    from dnac.lowering.kernels import outer

    return outer.rows_outer_joined

"""How much memory training a network takes, as far as the spec alone says.

Weights, gradients and AdamW's two moments are exact. Activations are an estimate for one sequence,
forward and backward: what each linear layer reads and writes, each step's stream, scores and gates.
"""

from __future__ import annotations

from collections.abc import Iterable

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Apply, Embed, Graph, Head, Join, Member, Node, Norm, Region, Route
from dnac.kinds.base import PrecisionKind
from dnac.passes import facts
from dnac.schedule.cost import Costs

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


def memory(graph: Graph, costs: Costs, train: Form | None) -> dict[str, int]:
    """Bytes by use; types follow the net's `train` (float32 without one)."""
    precision = train.get("precision") if train else None
    kind: PrecisionKind = catalogue.get("precision", precision.name if isinstance(precision, Form) else "fp32")
    weight, work = BYTES[kind.dtype], BYTES[kind.autocast or kind.dtype]
    values = sum(_kept(costs, node) for node in traits.unrolled(graph.nodes))
    return {
        "parameters": weight * costs.total_params,
        "gradients": weight * costs.total_params,
        "optimizer": 2 * weight * costs.total_params,
        "router_biases": 4 * sum(r.size for r in graph.routers if facts.has_bias(r)),
        "activations_per_sequence": work * values * graph.tokens,
    }


def _kept(costs: Costs, node: Node) -> int:
    """Values that one node keeps per token."""
    width = costs.graph.width
    match node:
        case Embed() | Norm() | Join():
            return width
        case Apply():
            return width + _rows(costs, [node.module])
        case Route():
            router = costs.graph.router[node.router]
            chosen = facts.chosen_per_token(router) if node.runs else 0
            dearest = max((_rows(costs, [node.candidates[slot]]) for slot in node.runs), default=0)
            return width + 2 * router.size + chosen * (2 * width + dearest) + _rows(costs, node.always)
        case Head():
            return costs.outputs if costs.graph.is_text else 0
        case Region():
            return 0


def _rows(costs: Costs, members: Iterable[Member]) -> int:
    """What the linear layers of these modules read and write for one token."""
    parts = (part for member in members for part in traits.parts(costs.graph, member))
    return sum(sum(w.shape) for part in parts for w in costs.part_weights(part) if len(w.shape) > 1)

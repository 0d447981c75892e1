"""Modules of one make become one bank, which a lowering runs as one grouped product.

    route ... over (a[0:4] b[0:2] skip) runs 0:6 skips 6                    (a and b of two makes)
    route ... over (a[0:4] b[0:2] skip) runs 0:6 skips 6 banks (0:4 4:6)

Members of different groups, or of different declarations, share a bank where their parts are equal.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir import traits
from dnac.ir.graph import Bank, Graph, Node, Part, Route
from dnac.ir.rewrite import map_nodes
from dnac.passes.base import Pass, Phase


def apply(graph: Graph) -> Graph:
    """Fill `banks` of every route."""

    def stacked(node: Node) -> Node:
        return replace(node, banks=banks_of(graph, node)) if isinstance(node, Route) else node

    return map_nodes(graph, stacked)


def banks_of(graph: Graph, route: Route) -> tuple[Bank, ...]:
    """The slots that run, grouped by make, in order of first appearance."""
    slots: dict[tuple[Part, ...], list[int]] = {}
    for slot in route.runs:
        slots.setdefault(traits.parts(graph, route.candidates[slot]), []).append(slot)
    return tuple(Bank(parts, tuple(found)) for parts, found in slots.items())


PASS = Pass(
    name="stack_same_kind",
    summary="group modules of one make into banks",
    phase=Phase.STACK,
    level=0,
    apply=apply,
)

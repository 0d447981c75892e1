"""No code for identity: its candidates are skipped, its steps go.

    h1 = apply(h0) by rest                                   (rest = identity)
    h2 = route(h1) ... over (a[0:2] skip) runs 0:3 skips -

    h2 = route(h0) ... over (a[0:2] skip) runs 0:2 skips 2

A route all of whose candidates are identity stays: its choices are counted.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir import traits
from dnac.ir.graph import Apply, Graph, Node, Route
from dnac.ir.rewrite import Bypass, rewrite
from dnac.passes.base import Pass, Phase
from dnac.passes.joins import simpler_join


def apply(graph: Graph) -> Graph:
    """Apply the rule below until nothing changes."""
    return rewrite(graph, _rule)


def _rule(graph: Graph, node: Node) -> tuple[Node, ...] | Bypass | None:
    if isinstance(node, Apply):
        return Bypass() if traits.is_identity(graph, node.module) else None
    if not isinstance(node, Route):
        return simpler_join(node)
    idle = {slot for slot in node.runs if traits.is_identity(graph, node.candidates[slot])}
    always = tuple(m for m in node.always if not traits.is_identity(graph, m))
    if not idle and always == node.always:
        return None
    runs = tuple(slot for slot in node.runs if slot not in idle)
    return (replace(node, runs=runs, skips=tuple(sorted({*node.skips, *idle})), always=always, banks=()),)


PASS = Pass(
    name="drop_identity_work",
    summary="identity candidates are skipped, identity steps go",
    phase=Phase.PRUNE,
    level=1,
    apply=apply,
    after=("prune_unreachable",),
)

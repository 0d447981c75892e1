"""The rule for joins that nothing joins any more, shared by the passes that make them so."""

from __future__ import annotations

from dataclasses import replace

from dnac.ir.graph import Join, Node
from dnac.ir.rewrite import Bypass


def simpler_join(node: Node) -> tuple[Node, ...] | Bypass | None:
    """No branch with work: the stream passes. One: its nodes do all. Empty ones among others: dropped."""
    if not isinstance(node, Join):
        return None
    branches = tuple(branch for branch in node.branches if branch)
    if len(branches) <= 1:
        return Bypass(branches[0] if branches else ())
    return (replace(node, branches=branches),) if branches != node.branches else None

"""Rewrite a graph's nodes by rules, until nothing changes.

A rule looks at one node and gives what stands in its place, or None to leave it. The last node of
the replacement keeps the old name, or `Bypass` says that the stream passes unchanged: then whoever
read the node's value reads the node's own input instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dnac.ir import traits
from dnac.ir.graph import Graph, Join, Node, Region
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True)
class Bypass:
    """The node goes, and `nodes` (which change no stream) may stay in its place."""

    nodes: tuple[Node, ...] = ()
    value: str | None = None
    """What readers read instead; None: the stream that the node read."""


Rule = Callable[[Graph, Node], "tuple[Node, ...] | Bypass | None"]


def map_nodes(graph: Graph, change: Callable[[Node], Node]) -> Graph:
    """Each node replaced by one of the same name, inside regions too."""

    def changed(node: Node) -> Node:
        if isinstance(node, Region):
            return replace(node, body=tuple(change(inner) for inner in node.body))
        return change(node)

    return replace(graph, nodes=tuple(changed(node) for node in graph.nodes))


def rewrite(graph: Graph, rule: Rule) -> Graph:
    """Apply a rule to every node until it changes none. Regions are rolled last and left alone.

    Raises:
        InternalError: the rule does not come to rest.
    """
    for _ in range(len(graph.nodes) + 8):
        nodes = _once(graph, rule)
        if nodes == graph.nodes:
            return graph
        graph = replace(graph, nodes=nodes)
    raise InternalError("ir.rewrite", f"a rule does not come to rest on {graph.name}")


def _once(graph: Graph, rule: Rule) -> tuple[Node, ...]:
    values: dict[str, str] = {}
    gone: set[str] = set()
    nodes: list[Node] = []
    for old in graph.nodes:
        node = traits.reading(_without(old, gone), values)
        new = rule(graph, node)
        if isinstance(new, Bypass):
            values[node.id] = new.value or traits.inputs(node)[0]
            if new.value is None:
                gone.add(node.id)
            nodes += new.nodes
        else:
            nodes += (node,) if new is None else new
    return tuple(nodes)


def _without(node: Node, gone: set[str]) -> Node:
    """A join no longer sums the increments of nodes that are gone."""
    if not isinstance(node, Join):
        return node
    return replace(node, branches=tuple(tuple(v for v in branch if v not in gone) for branch in node.branches))

"""Rewrite a graph's nodes by rules, until nothing changes.

A rule looks at one node and gives what stands in its place, or None to leave it. The last node of
the replacement keeps the old name, or `Bypass` says what is read instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dnac.ir import traits
from dnac.ir.graph import Graph, Join, Node, Region
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True)
class Bypass:
    """The node goes. `chain` are earlier nodes that do its work: none where the stream passes
    unchanged; the last one's value is then read in place of the node's own.
    """

    chain: tuple[str, ...] = ()


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
    chains: dict[str, tuple[str, ...]] = {}
    nodes: list[Node] = []
    for old in graph.nodes:
        node = traits.reading(_expanded(old, chains), values)
        new = rule(graph, node)
        if isinstance(new, Bypass):
            chains[node.id] = new.chain
            values[node.id] = new.chain[-1] if new.chain else traits.inputs(node)[0]
        else:
            nodes += (node,) if new is None else new
    return tuple(nodes)


def _expanded(node: Node, chains: dict[str, tuple[str, ...]]) -> Node:
    """A join sums the increments of what stands in place of nodes that are gone."""
    if not isinstance(node, Join):
        return node
    branches = (tuple(v for value in branch for v in chains.get(value, (value,))) for branch in node.branches)
    return replace(node, branches=tuple(branches))

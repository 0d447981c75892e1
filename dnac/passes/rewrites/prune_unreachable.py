"""Candidates that no token can choose do not run; norms that nobody reads go.

    route ... over (a[0:4]) runs 0:4 skips -    with choose=fixed{slot=2}
    route ... over (a[0:4]) runs 2 skips -

The candidates stay scored (the gate is over all of them) and their weights stay in the tables.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir import traits
from dnac.ir.graph import Graph, Node, Norm, Route
from dnac.ir.rewrite import map_nodes
from dnac.passes import facts
from dnac.passes.base import Pass, Phase


def apply(graph: Graph) -> Graph:
    """Keep what can be chosen, then what is read."""

    def pruned(node: Node) -> Node:
        return _reachable(graph, node) if isinstance(node, Route) else node

    return without_unread_norms(map_nodes(graph, pruned))


def without_unread_norms(graph: Graph) -> Graph:
    """The graph without norms whose view nobody takes: no module that runs, and no router that reads it."""

    def reading(node: Node) -> Node:
        if not isinstance(node, Route) or node.runs or node.always or facts.reads_norm(graph.router[node.router]):
            return node
        return replace(node, view=node.x)

    graph = map_nodes(graph, reading)
    read = {value for node in graph.nodes for value in traits.inputs(node)}
    return replace(graph, nodes=tuple(n for n in graph.nodes if not isinstance(n, Norm) or n.id in read))


def _reachable(graph: Graph, route: Route) -> Route:
    fixed = facts.fixed_choice(graph.router[route.router])
    if fixed is None:
        return route
    return replace(
        route,
        runs=tuple(slot for slot in route.runs if slot in fixed),
        skips=tuple(slot for slot in route.skips if slot in fixed),
        banks=(),
    )


PASS = Pass(
    name="prune_unreachable",
    summary="candidates that cannot be chosen do not run",
    phase=Phase.PRUNE,
    level=1,
    apply=apply,
)

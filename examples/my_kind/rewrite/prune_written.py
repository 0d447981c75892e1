"""Candidates that scores written in the file never choose do not run.

    route ... over (a[0:4]) runs 0:4 skips -    with score=constant{values=(3.0, 1.0, 2.0, 0.0)} choose=top{k=2}
    route ... over (a[0:4]) runs 0 2 skips -

Nothing else may move the choice: no noise, and no balance term, which could add a bias.
"""

from __future__ import annotations

from dataclasses import replace

from dnac.ir.graph import Graph, Node, Route, RouterSet
from dnac.ir.rewrite import map_nodes
from dnac.passes import facts
from dnac.passes.base import Pass, Phase


def apply(graph: Graph) -> Graph:
    """Change the routes whose choice is written."""
    return map_nodes(graph, lambda node: _pruned(graph, node))


def _pruned(graph: Graph, node: Node) -> Node:
    chosen = _written(graph.router[node.router]) if isinstance(node, Route) else None
    if chosen is None:
        return node
    runs, skips = (tuple(slot for slot in slots if slot in chosen) for slots in (node.runs, node.skips))
    return node if (runs, skips) == (node.runs, node.skips) else replace(node, runs=runs, skips=skips, banks=())


def _written(router: RouterSet) -> set[int] | None:
    """The slots that every token chooses: of the highest values, the first ones where values are equal."""
    score = facts.field(router, "score")
    values = score["values"] if score.name == "constant" else None
    moved = facts.has_balance(router) or facts.field(router, "noise").name != "none"
    if values is None or moved or facts.field(router, "choose").name != "top":
        return None
    best = sorted(range(router.size), key=lambda slot: (-values[slot], slot))
    return set(best[: facts.chosen_per_token(router)])


PASS = Pass(
    name="prune_written",
    summary="candidates that written scores never choose do not run",
    phase=Phase.PRUNE,
    level=1,
    apply=apply,
)

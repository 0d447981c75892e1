"""Which nets can be read token by token: those in which what a token does never waits for others but their keys."""

from __future__ import annotations

from collections.abc import Iterator

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.graph import Graph, Origin, Route
from dnac.kinds.base import ModuleKind
from dnac.lowering.routers import Router, router_of


def why_not(graph: Graph) -> tuple[str, ...]:
    """What stands against it, each with its place in the file; nothing for most nets. The graph is causal text."""
    found = dict.fromkeys((what, entry.origin) for entry in graph.routers for what in _of_router(router_of(entry)))
    found |= dict.fromkeys(_histories(graph))
    return tuple(f"{what}{f' ({origin})' if origin else ''}" for what, origin in found)


def _of_router(router: Router) -> Iterator[str]:
    if router.scope is not None and router.scope[0].pool is not None:
        yield f"`scope = {router.scope[0].name}` decides for many tokens at once"


def _histories(graph: Graph) -> Iterator[tuple[str, Origin | None]]:
    """One history holds keys; what mixes tokens without keys keeps rows of its own, in two passes."""
    routers = {entry.name: router_of(entry) for entry in graph.routers}
    for node in traits.unrolled(graph.nodes):
        if not isinstance(node, Route) or routers[node.router].sees != "history":
            continue
        for member in (node.candidates[slot] for slot in node.runs):
            for part in traits.parts(graph, member):
                kind: ModuleKind = catalogue.get("module", part.kind.name)
                if kind.mixes_tokens and not kind.has_keys:
                    yield f"`sees = history` over `{kind.name}`, which has no keys", node.origin

"""Which nets can be read token by token (a token waits for nothing but keys), and which of them without the host."""

from __future__ import annotations

from collections.abc import Iterator

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.graph import Apply, Graph, Node, Origin, Route
from dnac.kinds.base import ModuleKind
from dnac.lowering.routers import Router, router_of


def why_not(graph: Graph) -> tuple[str, ...]:
    """What stands against it, each with its place in the file; nothing for most nets. The graph is causal text."""
    found = dict.fromkeys((what, entry.origin) for entry in graph.routers for what in _of_router(router_of(entry)))
    found |= dict.fromkeys(_histories(graph))
    return tuple(f"{what}{f' ({origin})' if origin else ''}" for what, origin in found)


def why_unsteady(graph: Graph) -> tuple[str, ...]:
    """What stands against static shapes without a host sync, beside what stands against any cache."""
    routers = {entry.name: router_of(entry) for entry in graph.routers}
    found = dict.fromkeys((what, entry.origin) for entry in graph.routers for what in _unsteady(routers[entry.name]))
    sees = {router.sees for router in routers.values()}
    if sees & {"module", "history"} and sees & {"everyone", "copied"}:
        found["`sees` of some routers goes back to earlier steps, and of others to tokens that ran elsewhere", None] = (
            None
        )
    for node in traits.unrolled(graph.nodes):
        found |= dict.fromkeys((what, node.origin) for what in _unsteady_modules(graph, node, routers))
    return why_not(graph) + tuple(f"{what}{f' ({origin})' if origin else ''}" for what, origin in found)


STEADY = ("peers", "module", "everyone", "history", "copied")
"""Rules of `sees` that static shapes follow."""


def _unsteady(router: Router) -> Iterator[str]:
    if router.sees not in STEADY:
        yield f"`sees = {router.sees}` looks at some of the keys of earlier steps"
    if router.limit[0].admit is not None:
        yield f"`limit = {router.limit[0].name}` asks what earlier tokens chose"
    if router.choose[0].takers(router.choose[1]):
        yield f"`choose = {router.choose[0].name}` reads a list that the host holds"
    if router.score[0].written(router.score[1]) is not None:
        yield f"`score = {router.score[0].name}` reads numbers that the host holds"


def _unsteady_modules(graph: Graph, node: Node, routers: dict[str, Router]) -> Iterator[str]:
    members = [node.module] if isinstance(node, Apply) else []
    if isinstance(node, Route):
        members = [*(node.candidates[slot] for slot in node.runs), *node.always]
    for member in members:
        kinds: list[ModuleKind] = [catalogue.get("module", part.kind.name) for part in traits.parts(graph, member)]
        for kind in kinds:
            if kind.mixes_tokens and not kind.has_keys:
                yield f"`{kind.name}` mixes tokens without keys"
        is_history = isinstance(node, Route) and routers[node.router].sees == "history"
        if is_history and sum(kind.mixes_tokens for kind in kinds) > 1:
            yield f"`sees = history` over `{member.set}`, whose attention runs more than once"


def _of_router(router: Router) -> Iterator[str]:
    for kind in (kind for kind, _ in router.reads if kind.mix is not None):
        yield f"`read = {kind.name}` reads a mean of tokens, which is not kept"
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

"""What the lowerings have a program for; anything else is named before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Origin, Route, RouterSet
from dnac.kinds.base import ModuleKind
from dnac.lowering import errors
from dnac.passes import facts
from dnac.text.diagnostic import Bag, Faults

SEES = ("peers", "module", "first", "everyone", "history", "copied")


def require_served(graph: Graph, lowering: str) -> None:
    """Every formula is there, and every router asks for what is built.

    Raises:
        Faults: with everything that has no program, each with its place in the file.
    """
    found = [errors.not_lowered(lowering, what, origin) for what, origin in _unserved(graph)]
    if found:
        raise Faults(Bag(found))


def _unserved(graph: Graph) -> Iterator[tuple[str, Origin | None]]:
    for entry in (entry for entry in graph.modules if not entry.is_identity):
        for part in entry.parts:
            kind: ModuleKind = catalogue.get("module", part.kind.name)
            if kind.forward is None:
                yield f"`{part.kind.name}`, which has no formula", entry.origin
    yield from _copied(graph)
    for router in graph.routers:
        yield from ((what, router.origin) for what in _fields(router))


def _copied(graph: Graph) -> Iterator[tuple[str, Origin | None]]:
    """Tokens that left give keys of their `h`: routed modules make them from what they read, not from a later part."""
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Route) and facts.field(graph.router[node.router], "sees").name == "copied":
            for member in (node.candidates[slot] for slot in node.runs):
                kinds: list[ModuleKind] = [catalogue.get("module", p.kind.name) for p in traits.parts(graph, member)]
                if any(kind.mixes_tokens for kind in kinds[1:]) or any(not k.has_keys for k in kinds if k.mixes_tokens):
                    yield "`sees = copied` over modules that mix tokens in a later part, or without keys", node.origin
                    break


def _fields(router: RouterSet) -> Iterator[str]:
    sees = router.fields["sees"]
    if isinstance(sees, Form) and sees.name not in SEES:
        yield f"`sees = {sees.name}`"

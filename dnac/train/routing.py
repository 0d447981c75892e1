"""What training must know about the routing steps of a graph: who chooses among whom, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dnac.ir.graph import Graph, Member, Node, Origin, Region, Route


@dataclass(frozen=True)
class RoutingStep:
    """One routing step, as the statistics of a forward pass report it."""

    step: int
    site: str
    router: str
    candidates: tuple[Member, ...]
    skips: tuple[int, ...]
    """Candidate slots that are identity."""
    origin: Origin | None

    def slots(self, member: str | None) -> tuple[int, ...]:
        """Candidate slots of the pool member (group) called `member`."""
        return tuple(i for i, c in enumerate(self.candidates) if member in (c.set, c.set.rpartition(".")[2]))


def routing_steps(graph: Graph) -> tuple[RoutingStep, ...]:
    """All routing steps, in order of `step`; rolled regions are unrolled."""
    return tuple(sorted((_step(graph, route) for route in _routes(graph.nodes)), key=lambda s: s.step))


def state_key(name: str) -> str:
    """The state-dict prefix of a set of weights: `hop[17]` is `hop.17`."""
    return name.replace("[", ".").replace("]", "")


def _step(graph: Graph, route: Route) -> RoutingStep:
    skips = tuple(i for i, c in enumerate(route.candidates) if graph.module[c.set].is_identity)
    return RoutingStep(route.step, route.site, route.router, route.candidates, skips, route.origin)


def _routes(nodes: Iterable[Node]) -> Iterator[Route]:
    for node in nodes:
        if isinstance(node, Route):
            yield node
        elif isinstance(node, Region):
            yield from _turns(node)


def _turns(region: Region) -> Iterator[Route]:
    inner = tuple(_routes(region.body))
    for renames, first in zip(region.renames, region.steps, strict=True):
        names = dict(renames)
        for route in inner:
            yield replace(
                route,
                site=names.get(route.site, route.site),
                router=names.get(route.router, route.router),
                step=route.step - region.steps[0] + first,
                candidates=tuple(Member(names.get(c.set, c.set), c.index) for c in route.candidates),
            )

"""What training must know about the routing steps of a graph: who chooses among whom, and where."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.ir.graph import Graph, Member, Origin, Route
from dnac.ir.traits import is_identity, leaves, turns_chosen, unrolled


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
    turns: tuple[int, ...] = ()
    """Of a step that chooses the turns of a loop: how many, by candidate slot."""
    exits: tuple[int, ...] = ()
    """Candidate slots at which a token leaves a loop or the net."""

    def slots(self, member: str | None) -> tuple[int, ...]:
        """Candidate slots of the pool member (group) called `member`."""
        return tuple(i for i, c in enumerate(self.candidates) if member in (c.set, c.set.rpartition(".")[2]))


def routing_steps(graph: Graph) -> tuple[RoutingStep, ...]:
    """All routing steps, in order of `step`; rolled regions are unrolled."""
    routes = [node for node in unrolled(graph.nodes) if isinstance(node, Route)]
    return tuple(_step(graph, route) for route in sorted(routes, key=lambda r: r.step))


def _step(graph: Graph, route: Route) -> RoutingStep:
    turns = tuple(t for c in route.candidates if (t := turns_chosen(graph, c)) is not None)
    skips = () if turns else tuple(i for i, c in enumerate(route.candidates) if is_identity(graph, c))
    return RoutingStep(
        route.step, route.site, route.router, route.candidates, skips, route.origin, turns, leaves(graph, route)
    )

"""How many paths a token can take: exact whole numbers, as large as they come."""

from __future__ import annotations

from math import comb, prod

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.passes import facts

EXACT_IN_JSON = 2**53
"""Readers of JSON may hold numbers as doubles; above this a count is printed as text."""


def paths(graph: Graph) -> int:
    """Product over the routing steps of C(N, k), identities counted as candidates like any other."""
    return prod(_choices(graph, route, alike=False) for route in _routes(graph))


def distinct_paths(graph: Graph) -> int:
    """The same, where choosing one identity is choosing any."""
    return prod(_choices(graph, route, alike=True) for route in _routes(graph))


def as_json(number: int) -> int | str:
    """A whole number, as text where a double would lose digits."""
    return number if number <= EXACT_IN_JSON else str(number)


def _choices(graph: Graph, route: Route, *, alike: bool) -> int:
    router = graph.router[route.router]
    if facts.fixed_choice(router) is not None:
        return 1
    k = facts.chosen_per_token(router)
    if facts.taken_shares(router, graph.tokens) is not None:
        return 2**k  # each module takes the token or does not
    if facts.may_pass(router):
        works = sum(not traits.is_identity(graph, m) for m in route.candidates)
        return 2 ** (works if alike else router.size)
    if not alike:
        return comb(router.size, k)
    identities = sum(traits.is_identity(graph, m) for m in route.candidates)
    others = router.size - identities
    return sum(comb(others, k - skipped) for skipped in range(min(k, identities) + 1))


def _routes(graph: Graph) -> list[Route]:
    return [node for node in traits.unrolled(graph.nodes) if isinstance(node, Route)]

"""How many paths a token can take: exact whole numbers, as large as they come."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from dnac.ir import traits
from dnac.ir.graph import Graph, Presence, Route
from dnac.passes import facts

EXACT_IN_JSON = 2**53
"""Readers of JSON may hold numbers as doubles; above this a count is printed as text."""


def paths(graph: Graph) -> int:
    """Product over the routing steps of C(N, k), identities counted as candidates like any other. A token that
    leaves has no further choice until it is back.
    """
    return _ways(graph, alike=False)


def distinct_paths(graph: Graph) -> int:
    """The same, where choosing one identity is choosing any, and one exit any that leaves the same."""
    return _ways(graph, alike=True)


def as_json(number: int) -> int | str:
    """A whole number, as text where a double would lose digits."""
    return number if number <= EXACT_IN_JSON else str(number)


def _choices(graph: Graph, route: Route, *, alike: bool) -> int:
    router = graph.router[route.router]
    if facts.fixed_choice(router) is not None:
        return 1
    k = facts.filled_at_end(router)
    if facts.taken_shares(router, graph.tokens) is not None:
        return 2**k  # each module takes the token or does not
    if facts.may_pass(router):
        works = sum(not traits.is_identity(graph, m) or bool(traits.exits(graph, m)) for m in route.candidates)
        return 2 ** (works if alike else router.size)
    if not alike or facts.sets(router) != comb(router.size, k):
        return facts.sets(router)
    turns = {traits.turns_chosen(graph, m) for m in route.candidates} - {None}
    if turns:
        return len(turns)
    exits = [traits.exits(graph, m) for m in route.candidates]
    identities = sum(traits.is_identity(graph, m) for m in route.candidates)
    groups = [identities - sum(map(bool, exits)), exits.count("net"), exits.count("loop")]
    return _sets(router.size - identities, groups, k)


def _ways(graph: Graph, *, alike: bool) -> int:
    """Ways of a token to the end, whoever is away counted by what it left (0: here)."""
    ways, routes = {0: 1}, dict[str, tuple[Route, int]]()
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Route):
            if not node.away:
                ways = {0: sum(ways.values())}
            routes[node.id] = node, ways[0]
            ways[0] *= _choices(graph, node, alike=alike)
        elif isinstance(node, Presence):
            ways[0] += sum(n for code, n in ways.items() if node.back and code >= node.back)
            ways = {code: n for code, n in ways.items() if not (node.back and code >= node.back)}
            if node.route:
                route, before = routes[node.route]
                if traits.turns_chosen(graph, route.candidates[node.leaves[0][0]]) is not None:
                    (code,) = {code for _, code in node.leaves}
                    leaving = _leaving_now(graph, route, node, ways[0], alike=alike)
                    ways[code], ways[0] = ways.get(code, 0) + leaving, ways[0] - leaving
                    continue
                for code, choices in _leaving(graph, route, dict(node.leaves), alike=alike).items():
                    ways[code] = ways.get(code, 0) + before * choices
                    ways[0] -= before * choices
    return sum(ways.values())


def _leaving_now(graph: Graph, route: Route, node: Presence, ways: int, *, alike: bool) -> int:
    """Of the ways of tokens that are still here, those that have chosen to leave behind this turn."""
    after = [traits.turns_chosen(graph, member) or 0 for member in route.candidates]
    fixed = facts.fixed_choice(graph.router[route.router])
    possible = [turns for slot, turns in enumerate(after) if fixed is None or slot in fixed]
    now = after[node.leaves[0][0]]
    left = [turns for turns in ({*possible} if alike else possible) if turns >= now]
    return ways * left.count(now) // len(left) if left else 0


def _leaving(graph: Graph, route: Route, codes: dict[int, int], *, alike: bool) -> dict[int, int]:
    """How many choices leave what: of several exits the one to the smallest code."""
    router = graph.router[route.router]
    fixed, k = facts.fixed_choice(router), facts.filled_at_end(router)
    if fixed is not None or facts.taken_shares(router, graph.tokens) is not None or facts.may_pass(router):
        taken = [codes[slot] for slot in codes if fixed is None or slot in fixed]
        return {min(taken): 1} if taken else {}
    identities = sum(traits.is_identity(graph, m) and i not in codes for i, m in enumerate(route.candidates))
    works = router.size - identities - len(codes)

    def sets(above: int) -> int:
        """Choices among all candidates but the exits to a code up to `above`."""
        exits = [sum(c == code for c in codes.values()) for code in {*codes.values()} if code > above]
        return _sets(works, [identities, *exits], k) if alike else comb(works + identities + sum(exits), k)

    return {code: sets(code - 1) - sets(code) for code in sorted({*codes.values()})}


def _sets(others: int, groups: Sequence[int], k: int) -> int:
    """Sets of k of `others` that differ and of groups whose members are alike."""
    if not groups:
        return comb(others, k)
    return sum(_sets(others, groups[1:], k - taken) for taken in range(min(k, groups[0]) + 1))

"""How likely a token is to choose each candidate, as far as a spec says.

A declared skip share is taken at its word, and so is a budget; what is left of the k choices is spread evenly over the
other candidates. Without one, the choice is uniform: k of N. A limit holds each to its room; where
modules choose their tokens, each takes its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Route, RouterSet
from dnac.kinds.base import BalanceKind, params_of
from dnac.passes import facts
from dnac.schedule.spending import budgeted


def chances(graph: Graph, route: Route) -> list[float]:
    """The chance of each candidate slot to be among a token's choices, as far as its limit admits."""
    router = graph.router[route.router]
    taken = facts.taken_shares(router, graph.tokens)
    wanted = list(taken) if taken is not None else budgeted(graph, route, _wanted(graph, router, route))
    most = facts.most_share(router, graph.tokens)
    return [p if traits.is_identity(graph, m) else min(p, most) for p, m in zip(wanted, route.candidates, strict=True)]


def _wanted(graph: Graph, router: RouterSet, route: Route) -> list[float]:
    """The chance of each slot to be chosen, whatever the limit."""
    size, k = router.size, facts.filled_at_end(router)
    fixed = facts.fixed_choice(router)
    if fixed is not None:
        return [float(slot in fixed) for slot in range(size)]
    if k >= size:
        return [1.0] * size
    found = [0.0] * size
    left = float(k)
    for slots, share in targets(router, route):
        # a target of exits is met by who has left before; few leave at one step
        chance = 0.0 if _are_exits(graph, route, slots) else min(1.0, share * k / len(slots))
        for slot in slots:
            found[slot] = chance
        left -= chance * len(slots)
    claimed = {slot for slots, _ in targets(router, route) for slot in slots}
    others = [slot for slot in range(size) if slot not in claimed]
    for slot in others:
        found[slot] = min(1.0, max(0.0, left / len(others)))
    return found


def leaving_target(graph: Graph, router: RouterSet, route: Route) -> float | None:
    """The declared share of all slots that tokens which leave save, where a term has such a target."""
    found = [share for slots, share in targets(router, route) if _are_exits(graph, route, slots)]
    return found[0] if found else None


def _are_exits(graph: Graph, route: Route, slots: Sequence[int]) -> bool:
    members = [route.candidates[slot] for slot in slots]
    return all(traits.exits(graph, m) and traits.turns_chosen(graph, m) is None for m in members)


def targets(router: RouterSet, route: Route) -> list[tuple[tuple[int, ...], float]]:
    """(slots, declared share of all choices that fall on them) of each balance term that has a target."""
    terms = router.fields["balance"]
    found: list[tuple[tuple[int, ...], float]] = []
    for form in terms if isinstance(terms, tuple) else ():
        if isinstance(form, Form):
            kind: BalanceKind = catalogue.get("balance", form.name)
            params = params_of(kind, form)
            share, slots = kind.target(params), traits.slots_of(route, kind.member(params))
            if share is not None and slots:
                found.append((slots, share))
    return found


class Spread(NamedTuple):
    """The part of all tokens that each slot takes in each case, and what one token can meet."""

    least: list[float]
    expected: list[float]
    most: list[float]
    together: list[float]
    """The largest part of all tokens that can be in a slot at once."""
    is_fixed: bool
    """Whether the loads are the same in each case: modules choose their tokens."""
    fewest: set[int]
    """The slots of a token that meets as little as it can."""
    dearest: set[int]


def spread(graph: Graph, route: Route, costs: Sequence[float]) -> Spread:
    """By what one token costs in each slot; under a limit, most fills the dearest ones, one after the other."""
    router = graph.router[route.router]
    chance, room = chances(graph, route), facts.most_share(router, graph.tokens)
    k, fixed = facts.filled_at_end(router), facts.fixed_choice(router)
    cheap, dear = _picked(costs, k, fixed, cheap=True), _picked(costs, k, fixed, cheap=False)
    if facts.may_pass(router):
        cheap = set[int]()
    size = range(router.size)
    if facts.taken_shares(router, graph.tokens) is not None:
        return Spread(chance, chance, chance, chance, True, set(), dear)
    if room == 1.0:
        least, most = ([float(slot in of) for slot in size] for of in (cheap, dear))
        return Spread(least, chance, most, [1.0] * router.size, False, cheap, dear)
    rooms = [room if slot in route.runs else 0.0 for slot in size]
    least = [rooms[slot] * (slot in cheap) for slot in size]
    return Spread(least, chance, _filled(costs, rooms, k), [room] * router.size, False, set(), dear)


def _picked(costs: Sequence[float], k: int, fixed: tuple[int, ...] | None, *, cheap: bool) -> set[int]:
    """The k cheapest or dearest slots of those that can be chosen."""
    possible = range(len(costs)) if fixed is None else fixed
    return set(sorted(possible, key=lambda i: (costs[i] if cheap else -costs[i], i))[:k])


def _filled(costs: Sequence[float], rooms: Sequence[float], k: int) -> list[float]:
    """The dearest slots are filled first, k choices in all."""
    left, found = float(k), [0.0] * len(costs)
    for slot in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        found[slot] = min(left, rooms[slot])
        left -= found[slot]
    return found

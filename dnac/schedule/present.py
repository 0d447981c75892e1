"""How likely a token is still here at each step of a net that tokens can leave.

Three cases, as costs have them: a token that leaves where it first can, the expected one, and one that
stays. Of the halting steps of a loop each is expected to be a token's last one alike. Where modules
choose their tokens, the part of the tokens that leaves is the same in each case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dnac.ir import traits
from dnac.ir.graph import Apply, Graph, Presence, Route, Tally
from dnac.passes import facts
from dnac.schedule.chance import chances, leaving_target


class Here(NamedTuple):
    """The chance that a token is here: least, expected and most."""

    min: float = 1.0
    expected: float = 1.0
    max: float = 1.0


ALL = Here()


def present(graph: Graph) -> Mapping[str, Here]:
    """By the site of each routing step and module at which tokens may be missing."""
    found: dict[str, Here] = {}
    gone: dict[int, Here] = {}
    routes: dict[str, Route] = {}
    turns = _halting_steps_left(graph)
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Presence):
            gone = _after(graph, node, gone if node.away else {}, routes, turns)
        elif isinstance(node, (Apply, Route)) and node.away:
            found[node.site] = _here(gone)
        if isinstance(node, Route):
            routes[node.id] = node
    return found


def _here(gone: Mapping[int, Here]) -> Here:
    return Here(*(max(0.0, 1.0 - sum(parts)) for parts in zip(*gone.values(), strict=True))) if gone else ALL


def _halting_steps_left(graph: Graph) -> dict[int, int]:
    """By routing step: of a halting step, how many there are in its loop from it on."""
    found, waiting = dict[int, int](), list[int]()
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Tally) and not node.route:
            waiting = []  # another loop begins
        elif isinstance(node, Route) and node.tally:
            waiting.append(node.step)
            found |= {step: len(waiting) - place for place, step in enumerate(waiting)}
    return found


def _after(
    graph: Graph, node: Presence, gone: dict[int, Here], routes: Mapping[str, Route], turns: Mapping[int, int]
) -> dict[int, Here]:
    """Chances to have left, by what was left."""
    gone = {code: part for code, part in gone.items() if not node.back or code < node.back}
    here = _here(gone)
    for slot, code in node.leaves:
        route = routes[node.route]
        # a halting step: any of those of its loop may be a token's last one, each alike
        chance = Here(1.0, 1.0 / turns[route.step], 0.0) if route.step in turns else _leaving(graph, route, slot, here)
        now = Here(*(a * b for a, b in zip(here, chance, strict=True)))
        gone[code] = Here(*(a + b for a, b in zip(gone.get(code, Here(0, 0, 0)), now, strict=True)))
    return gone


def _leaving(graph: Graph, route: Route, slot: int, here: Here) -> Here:
    """The chance that a token which is here takes this exit."""
    router = graph.router[route.router]
    fixed = facts.fixed_choice(router)
    if fixed is not None:
        return Here(*(float(slot in fixed),) * 3)
    chance = chances(graph, route)[slot]
    if traits.turns_chosen(graph, route.candidates[slot]) is not None:
        return _behind_turns(graph, route, slot, chance)
    share = leaving_target(graph, router, route)
    if share is not None:  # as many at each step, so that the share of all slots is saved in the end
        steps = sum(isinstance(n, Route) and n.candidates == route.candidates for n in traits.unrolled(graph.nodes))
        part = 2 * share / steps / len(traits.leaves(graph, route))
        return Here(1.0, min(1.0, part / here.expected) if here.expected else 0.0, 0.0)
    if facts.taken_shares(router, graph.tokens) is not None:
        if facts.is_share_of_all(router):  # what stays is a part of all tokens, those that left too
            return Here(*(max(0.0, 1.0 - (1.0 - chance) / p) if p else 0.0 for p in here))
        return Here(chance, chance, chance)
    ways = (s for s in range(len(route.candidates)) if traits.exits(graph, route.candidates[s]))
    # who leaves early saves most by leaving the net
    first = slot == min(ways, key=lambda s: (traits.exits(graph, route.candidates[s]) != "net", s))
    return Here(float(first), chance, 0.0)


def _behind_turns(graph: Graph, route: Route, slot: int, chance: float) -> Here:
    """The chance that a token which is still here has chosen to leave behind this turn."""
    after = [traits.turns_chosen(graph, member) or 0 for member in route.candidates]
    later = sum(p for p, turns in zip(chances(graph, route), after, strict=True) if turns >= after[slot])
    first, last = (after.index(least) for least in (min(after), max(after)))
    return Here(float(slot == first), chance / later if later else 0.0, float(slot == last))

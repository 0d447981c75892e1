"""How likely a token is to choose each candidate, as far as a spec says.

A declared skip share is taken at its word; what is left of the k choices is spread evenly over the
other candidates. Without one, the choice is uniform: k of N.
"""

from __future__ import annotations

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import Graph, Route, RouterSet
from dnac.kinds.base import BalanceKind, params_of
from dnac.passes import facts


def chances(graph: Graph, route: Route) -> list[float]:
    """The chance of each candidate slot to be among a token's choices."""
    router = graph.router[route.router]
    size, k = router.size, facts.chosen_per_token(router)
    fixed = facts.fixed_choice(router)
    if fixed is not None:
        return [float(slot in fixed) for slot in range(size)]
    if k >= size:
        return [1.0] * size
    found = [0.0] * size
    left = float(k)
    for slots, share in targets(router, route):
        chance = min(1.0, share * k / len(slots))
        for slot in slots:
            found[slot] = chance
        left -= chance * len(slots)
    claimed = {slot for slots, _ in targets(router, route) for slot in slots}
    others = [slot for slot in range(size) if slot not in claimed]
    for slot in others:
        found[slot] = min(1.0, max(0.0, left / len(others)))
    return found


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

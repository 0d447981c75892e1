"""What routers read beside the stream, settled once the whole net is known: turns of a router, modules just left.

`step` needs to know how many turns its router has. `last` goes along from one routing step over some candidates
to the next one over the same; a step hands it on although its own router does not read it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dnac.ir.form import Form
from dnac.ir.graph import Member, Route, RouterSet
from dnac.kinds.router import carries, views
from dnac.semantics import errors_candidates, errors_values
from dnac.semantics.draft import Draft, RouteUse


def settle(draft: Draft) -> None:
    """Fill in what routers read; faults go to the bag."""
    uses = Counter(use.router for use in draft.routes)
    told = set[str]()
    for use in draft.routes:
        if use.router not in told:
            told.add(use.router)
            draft.routers[use.router] = _with_turns(draft.routers[use.router], uses[use.router], use, draft)
    _hand_on(draft)


def _with_turns(router: RouterSet, turns: int, use: RouteUse, draft: Draft) -> RouterSet:
    found = [_told(view, turns, use, draft) for view in views(router.fields)]
    if tuple(found) == views(router.fields):
        return router
    read = found[0] if len(found) == 1 else Form("joined", (("views", tuple(found)),))
    return replace(router, fields=router.fields.replace(read=read))


def _told(view: Form, turns: int, use: RouteUse, draft: Draft) -> Form:
    if view.name != "step":
        return view
    given = view["turns"]
    if isinstance(given, int) and given < turns:
        message = f"the router has {turns} turns here and can tell {given} apart"
        span = use.bound.at("read", use.span)
        help_ = f"write `step(turns = {turns})`, or `step` alone"
        draft.bag.add(errors_values.values_clash("step", "turns", message, help_, span))
    return view.replace(turns=given or turns)


def _hand_on(draft: Draft) -> None:
    """Name what each routing step carries. Steps are told apart by what they choose among."""
    routes = [node for node in draft.nodes if isinstance(node, Route)]
    names = dict[tuple[Member, ...], str]()
    for node in routes:
        if "last" in carries(draft.routers[node.router].fields) and node.candidates not in names:
            names[node.candidates] = f"last_{len(names) + 1}" if names else "last"
    steps = Counter(node.candidates for node in routes)
    alone = {
        use.bound.at("read", use.bound.at("score", use.span)): None
        for node, use in zip(routes, draft.routes, strict=True)
        if node.candidates in names and steps[node.candidates] == 1
    }
    for span in alone:
        draft.bag.add(errors_candidates.nothing_left(span))
    draft.nodes = [
        replace(node, carries=(names[node.candidates],))
        if isinstance(node, Route) and node.candidates in names
        else node
        for node in draft.nodes
    ]

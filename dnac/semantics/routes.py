"""`route POOL by ROUTER`: one routing step, with its router's weights where they are fresh."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dnac.ir.form import Form
from dnac.ir.graph import Norm, Presence, Route, RouterSet
from dnac.kinds.router import router_weights, views
from dnac.semantics import ahead, errors_halting
from dnac.semantics import errors_routing as errors
from dnac.semantics.bind import Bound
from dnac.semantics.candidates import Candidate, candidates
from dnac.semantics.choice import Choice, resolved
from dnac.semantics.draft import Draft, RouteUse, origin
from dnac.semantics.halting_words import with_gate
from dnac.semantics.naming import Place
from dnac.semantics.presence import NET
from dnac.semantics.references import settings_heads
from dnac.semantics.routers import bind_router, router_text
from dnac.semantics.routing import complete_router
from dnac.semantics.verdicts import note_module, note_router
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span

Candidates = tuple[Candidate, ...]


def route(step: ast.Step, action: ast.Route, place: Place, draft: Draft) -> None:
    """Append one routing step.

    Raises:
        Wrong: it cannot be made.
    """
    site = place.step(step)
    found = candidates(action.over, site, place, draft)
    step_over(step, action, found, place, draft)


def step_over(step: ast.Step, action: ast.Route, found: Candidates, place: Place, draft: Draft) -> Choice:
    """Append one routing step over these candidates; a halting step is one whose router stands by itself.

    Raises:
        Wrong: it cannot be made.
    """
    site = place.step(step)
    routed = _again(action, found, site, place, draft) or _routed(action, found, site, place, draft)
    choice, bound, always = routed.choice, routed.bound, routed.always
    scored = choice.scored
    draft.add_slots(len(scored), step.span)
    view = _view(found, bound, action, draft)
    _declare(choice, bound, always, draft)
    node = _append(site, choice.text.name, view, (scored, always), step, draft)
    turns = ahead.turns_chosen(scored, draft)
    if turns is None:
        _leave(node, scored, step, draft)
    else:
        _agree_on_sight(node, step, draft)
        ahead.choose_turns(node, turns, choice, bound, draft)
    _note(place.steps[id(step)], site, choice, bound, always, draft)
    return replace(choice, bound=bound)


@dataclass(frozen=True, slots=True)
class Routed:
    """A router in place over some candidates: in the next turn of a repeat the same, with a name of its own."""

    meant: tuple[object, ...]
    """What the names in its settings meant."""
    choice: Choice
    bound: Bound
    always: tuple[Candidate, ...]


def _again(action: ast.Route, found: Candidates, site: str, place: Place, draft: Draft) -> Routed | None:
    """The router of the turn before with this one's name, where nothing else has changed."""
    known = draft.routed_again.get(id(action.by))
    if not isinstance(known, Routed) or draft.overrides.items or not isinstance(action.by, ast.Settings):
        return None
    meant = tuple(place.scope.find(name) for name in settings_heads(action.by))
    if not all(a is b for a, b in zip(meant, known.meant, strict=True)):
        return None
    always = tuple(c for c in found if c.name in known.bound.params.always)
    scored = tuple(c for c in found if c.name not in known.bound.params.always)
    if _shape(scored) != _shape(known.choice.scored) or _shape(always) != _shape(known.always):
        return None
    text = replace(known.choice.text, name=site)
    return Routed(meant, replace(known.choice, scored=scored, text=text), known.bound, always)


def _shape(of: Candidates) -> list[tuple[str, bool]]:
    return [(c.name, c.is_identity) for c in of]


def _routed(action: ast.Route, found: Candidates, site: str, place: Place, draft: Draft) -> Routed:
    text = router_text(action.by, site, place.scope, draft)
    bound = bind_router(text, tuple(dict.fromkeys(c.name for c in found)), place.scope, draft)
    is_halt = found[0].is_halt
    if is_halt:
        bound = with_gate(bound)
    always = tuple(c for c in found if c.name in bound.params.always)
    scored = tuple(c for c in found if c.name not in bound.params.always)
    if not scored:
        raise Wrong(errors.nothing_to_score(bound.at("always", text.span)))
    if any(draft.modules[c.member.set].exits for c in always):
        raise Wrong(errors.exit_always(bound.at("always", text.span)))
    choice = Choice(scored, resolved(bound, scored), text, action.over.span, is_halt)
    bound = complete_router(choice, draft)
    heads = settings_heads(action.by) if isinstance(action.by, ast.Settings) else ()
    routed = Routed(tuple(place.scope.find(name) for name in heads), choice, bound, always)
    draft.routed_again[id(action.by)] = routed
    return routed


def _view(found: tuple[Candidate, ...], bound: Bound, action: ast.Route, draft: Draft) -> str:
    """What router and members read: the stream, or the pool's own norm of it."""
    norms = {c.norm: c.span for c in found}
    if len(norms) > 1:
        first, second = list(norms.values())[:2]
        raise Wrong(errors.two_norms(second, first))
    (norm,) = norms
    if norm is None:
        if any(view.name == "normed" for view in views(bound.params.form("router"))):
            raise Wrong(errors.no_pool_norm(bound.at("read", action.over.span), action.over.span))
        return draft.x
    node = Norm(draft.fresh("n"), draft.x, norm, origin(action.over.span))
    draft.add_node(node, action.over.span)
    return node.id


def _declare(choice: Choice, bound: Bound, always: tuple[Candidate, ...], draft: Draft) -> None:
    """The router's weights, once for each canonical name."""
    name, span = choice.text.name, choice.text.span
    members = tuple(c.name for c in (*choice.scored, *always))
    known = draft.routed.setdefault(name, (members, choice.over))
    if name in draft.routers:
        if known[0] != members:
            raise Wrong(errors.router_on_two_pools(name, choice.over, known[1]))
        return
    fields, size = bound.params.form("router"), len(choice.scored)
    draft.add_params(sum(math.prod(w.shape) for w in router_weights(fields, draft.width or 0, size)), span)
    draft.routers[name] = RouterSet(name, size, fields, origin(span))
    draft.spans[name] = span


def _append(
    site: str,
    router: str,
    view: str,
    members: tuple[tuple[Candidate, ...], tuple[Candidate, ...]],
    step: ast.Step,
    draft: Draft,
) -> Route:
    scored, always = members
    node = Route(
        id=draft.fresh(),
        x=draft.x,
        view=view,
        site=site,
        step=draft.routing_steps,
        router=router,
        candidates=tuple(c.member for c in scored),
        always=tuple(c.member for c in always),
        runs=tuple(i for i, c in enumerate(scored) if not c.is_identity),
        skips=tuple(i for i, c in enumerate(scored) if c.is_identity),
        origin=origin(_place_of(step)),
    )
    draft.add_node(node, step.span)
    draft.x = node.id
    draft.routing_steps += 1
    return node


def _leave(node: Route, scored: Candidates, step: ast.Step, draft: Draft) -> None:
    """Who is here behind a step with ways out."""
    leaves = tuple(_leaves(scored, draft))
    if not leaves:
        return
    _agree_on_sight(node, step, draft)
    draft.add_node(Presence(f"{node.id}.left", route=node.id, leaves=leaves, origin=node.origin), step.span)


def _agree_on_sight(node: Route, step: ast.Step, draft: Draft) -> None:
    is_copied = draft.routers[node.router].fields["sees"] == Form("copied")
    if draft.is_copied is not None and draft.is_copied != is_copied:
        raise Wrong(errors_halting.two_sights(_place_of(step)))
    draft.is_copied = is_copied


def _leaves(scored: tuple[Candidate, ...], draft: Draft) -> Iterator[tuple[int, int]]:
    """The slots of exits, each with the code of what it leaves.

    Raises:
        Wrong: there is nothing to leave, or the place is a branch.
    """
    for slot, candidate in enumerate(scored):
        of = draft.modules[candidate.member.set].exits
        if of and draft.is_branch:
            raise Wrong(errors.exit_of_branch(candidate.span))
        if of == "loop" and not draft.depth:
            raise Wrong(errors.no_loop_to_leave(candidate.span))
        if of:
            yield slot, NET if of == "net" else draft.depth + NET


def _note(label: str, site: str, choice: Choice, bound: Bound, always: tuple[Candidate, ...], draft: Draft) -> None:
    """Facts for the checks that look at the whole net."""
    draft.routes.append(RouteUse(choice.text.name, bound, choice.k, choice.over))
    note_router(label, choice.text.name, bound, choice.over, draft)
    for name in dict.fromkeys(c.member.set for c in (*choice.scored, *always)):
        note_module(name, (label, site, name, name.split(".")[0]), draft)


def _place_of(step: ast.Step) -> Span:
    return step.label.span if step.label else Span(step.span.source, step.span.start, step.span.start + 5)

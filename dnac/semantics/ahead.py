"""`exit(loop, after = n)`: a routing step in front of a `repeat` decides, once, how many of its turns a token takes.

The step's candidates are ways out and nothing else. Behind the n-th turn those leave that chose n; behind the loop the
stream is `h + w (h - h before)`, with the weight of what was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dnac.ir.form import form
from dnac.ir.graph import Presence, Route, Settle, Tally, turns_of
from dnac.semantics import errors_halting as errors
from dnac.semantics import errors_routing
from dnac.semantics.bind import Bound
from dnac.semantics.candidates import Candidate
from dnac.semantics.choice import Choice
from dnac.semantics.draft import Ahead, Draft, origin
from dnac.semantics.presence import NET
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast


def turns_chosen(scored: Sequence[Candidate], draft: Draft) -> tuple[int, ...] | None:
    """After how many turns each candidate leaves a loop behind this step; None where it is an ordinary step.

    Raises:
        Wrong: some candidates are such ways out and some are not.
    """
    found = [turns_of(draft.modules[c.member.set].parts, c.member.index) for c in scored]
    if all(turns is None for turns in found):
        return None
    for turns, candidate in zip(found, scored, strict=True):
        if turns is None:
            raise Wrong(errors.turns_beside_others(candidate.name, candidate.span))
    return tuple(turns for turns in found if turns is not None)


def choose_turns(route: Route, after: tuple[int, ...], choice: Choice, bound: Bound, draft: Draft) -> None:
    """Note a step whose candidates are numbers of turns, for the loop that follows.

    Raises:
        Wrong: a token would choose several, or there is no place for a loop.
    """
    params, span = bound.params, choice.over
    if draft.is_branch:
        raise Wrong(errors_routing.exit_of_branch(span))
    if choice.k != 1 or choice.takers or choice.choose.may_pass:
        raise Wrong(errors.several_turns(f"choose = {params.choose.name}", bound.at("choose", span)))
    if params.combine != form("delta"):
        raise Wrong(errors.several_turns(f"combine = {params.combine.name}", bound.at("combine", span)))
    if draft.ahead is not None:
        raise Wrong(errors.two_choices_of_turns(span, draft.ahead.span))
    draft.ahead = Ahead(route, after, span)


def begin(step: ast.Step, turns: int, draft: Draft) -> Ahead | None:
    """In front of a loop: take the choice that waits for it, and keep of the stream what its weight leaves.

    Raises:
        Wrong: it can choose more turns than the loop has.
    """
    ahead, draft.ahead = draft.ahead, None
    if ahead is None:
        return None
    if max(ahead.after) > turns:
        raise Wrong(errors.too_many_turns(max(ahead.after), turns, ahead.span, step.span))
    tally = Tally(draft.fresh("t"), "", ahead.route.id, draft.x, ahead.route.origin)
    draft.add_node(tally, step.span)
    return replace(ahead, tally=tally.id)


def leave(ahead: Ahead | None, done: int, turns: int, step: ast.Step, draft: Draft) -> None:
    """Behind `done` of a loop's turns: those leave that have chosen so many."""
    slots = [slot for slot, after in enumerate(ahead.after) if after == done] if ahead else []
    if ahead is None or not slots or done == turns:
        return
    leaves = tuple((slot, draft.depth + NET) for slot in slots)
    node = Presence(f"{ahead.route.id}.left{done}", route=ahead.route.id, leaves=leaves, origin=ahead.route.origin)
    draft.add_node(node, step.span)


def settle(ahead: Ahead | None, step: ast.Step, draft: Draft) -> None:
    """Behind the loop: what its turns have added counts as much as the choice weighs."""
    if ahead is not None:
        node = Settle(draft.fresh(), draft.x, ahead.tally, origin(ahead.span))
        draft.add_node(node, step.span)
        draft.x = node.id

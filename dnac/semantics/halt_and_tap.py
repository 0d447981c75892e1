"""`halt by ROUTER`: a step of a loop at which tokens leave it; `tap HEAD(loss = ...)`: a loss inside the net."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from dnac.ir.form import Form, form
from dnac.ir.graph import EXIT, Member, Part, Presence, Route, Settle, Tally, Tap
from dnac.kinds.params import Params, Scheduled, values_of
from dnac.semantics import errors_halting as errors
from dnac.semantics import errors_routing, errors_values
from dnac.semantics.bind import Bound, Owner, bind, given
from dnac.semantics.candidates import Candidate
from dnac.semantics.draft import Draft, Halting, origin
from dnac.semantics.naming import Place
from dnac.semantics.routes import step_over
from dnac.semantics.scope import SharedEntry, sort_of
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span


def halt(step: ast.Step, action: ast.Halt, place: Place, draft: Draft) -> None:
    """Append a halting step: a routing step over the one way out of the loop, and what it gives out.

    Raises:
        Wrong: it cannot be made.
    """
    site, span = place.step(step), _head(step)
    if not draft.depth:
        raise Wrong(errors_routing.no_loop_to_halt(span))
    x = draft.x
    draft.add_module(f"{site}.{EXIT}", None, (Part(EXIT, form(EXIT, of="loop")),), span)
    way_out = Candidate(EXIT, Member(f"{site}.{EXIT}"), True, None, span, is_halt=True)
    over = ast.Ref(ast.Name(EXIT, span=span), span=span)
    choice = step_over(step, ast.Route(over, action.by, span=step.span), (way_out,), place, draft)
    is_mean = choice.params.weight is not None and choice.params.weight.name == "halting"
    before = draft.halting
    if before is None:
        name = draft.fresh("t")
        before = Halting(name, name, is_mean, span)
    elif before.is_mean != is_mean:
        raise Wrong(errors.two_means(span, before.span))
    _read_tally(before.now, draft)
    tally = Tally(draft.fresh("t"), before.now, draft.x, x if is_mean else "", origin(span))
    draft.add_node(tally, step.span)
    draft.halting = replace(before, now=tally.id)


def _read_tally(name: str, draft: Draft) -> None:
    """The halting step that was just made reads what those before it gave out."""
    place = next(i for i in range(len(draft.nodes) - 1, -1, -1) if isinstance(draft.nodes[i], Route))
    route = draft.nodes[place]
    assert isinstance(route, Route) and all(isinstance(n, Presence) for n in draft.nodes[place + 1 :])
    draft.nodes[place] = replace(route, tally=name)


def settle(step: ast.Step, draft: Draft) -> None:
    """Behind a loop whose halting steps weigh the stream: their mean goes on."""
    if draft.halting is not None and draft.halting.is_mean:
        node = Settle(draft.fresh(), draft.x, draft.halting.now, origin(_head(step)))
        draft.add_node(node, step.span)
        draft.x = node.id


class TapParams(Params):
    """Arguments of `tap`."""

    loss: Annotated[Annotated[float, Field(gt=0)] | Form, Scheduled()] | Literal["halting"]
    """What its loss counts beside the task's own, which may be a schedule; `halting`: for each token the chance that it
    leaves here."""
    every: Annotated[int, Field(ge=1)] = 1
    """Its loss counts at one of so many train steps. Taps that say the same number take turns, in order, and a train
    step computes so much fewer of their heads."""


def tap(step: ast.Step, action: ast.Tap, place: Place, draft: Draft) -> None:
    """Append a head on the stream as it is here, whose loss is added while training.

    Raises:
        Wrong: it cannot be made.
    """
    ref = action.target
    _need_head(ref, place, draft)
    owner = Owner("tap", ref.span, place.scope, draft.width)
    bound = bind(owner, TapParams, given(owner, ("loss", "every"), action.args, draft.bag), draft.bag)
    if bound is None:
        raise Wrong()
    span = bound.at("loss", ref.span)
    times, tally = bound.params.loss, ""
    if times == "halting":
        times, tally = 1.0, _chances(bound, span, draft)
    if isinstance(times, Form):
        _need_positive(times, span)
        draft.schedules.append(("loss", times, span))
    head, table, _ = draft.heads[0]
    times = times if isinstance(times, Form) else float(times)
    node = Tap(draft.fresh("tap"), draft.x, head.name, table, times, tally, bound.params.every, origin(_head(step)))
    draft.add_node(node, step.span)


def _need_head(ref: ast.Ref, place: Place, draft: Draft) -> None:
    """A tap names a head that is declared above."""
    entry = place.scope.find(ref.head.text)
    heads = [head.name for head, _, _ in draft.heads]
    if not isinstance(entry, SharedEntry) or entry.role != "head" or ref.tail or ref.head.text not in heads:
        found = f"`{ref.span.text}`" if entry is None else sort_of(entry)
        raise Wrong(errors.not_a_tap(found, heads, ref.span))


def _chances(bound: Bound, span: Span, draft: Draft) -> str:
    """The tally of the halting step before, by which each token's loss is shared out."""
    if bound.params.every > 1:
        raise Wrong(errors.shares_take_no_turns(bound.at("every", span)))
    if draft.halting is None:
        raise Wrong(errors.tap_without_halt(span))
    return draft.halting.now


def _need_positive(weight: Form, span: Span) -> None:
    if (least := min(values_of(weight))) < 0:
        raise Wrong(errors_values.out_of_range("tap", "loss", f"{least:g}", "at least 0", span))


def _head(step: ast.Step) -> Span:
    """The first word of a step."""
    end = step.span.start + len(type(step.action).__name__)
    return step.label.span if step.label else Span(step.span.source, step.span.start, end)

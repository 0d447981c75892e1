"""Checks of `start = ...`: the routes with which training begins must be possible, certain, and open to learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dnac.ir.form import Form
from dnac.kinds.base import ChooseKind, ScoreKind, params_of
from dnac.kinds.starts import StartKind
from dnac.semantics import errors_starts as errors
from dnac.semantics import words
from dnac.semantics.choice import Choice
from dnac.semantics.draft import Draft
from dnac.text.diagnostic import Diagnostic

CERTAIN = 20.0
"""The margin from which on a softmax over 31 candidates is 1 to float32: 30 exp(-20) = 6e-8, half of its last bit."""


def start_faults(choice: Choice) -> Iterator[Diagnostic]:
    """A start that one router cannot have."""
    params = choice.params
    if params.start.name == "none":
        return
    kind: StartKind = words.kind("start", params.start.name)
    span = choice.bound.at("start", choice.text.span)
    own = params_of(kind, params.start)
    for fault in kind.fits(own, choice.facts):
        yield errors.start_fault(fault.message, fault.help, span, choice.over)
    choose: ChooseKind = words.kind("choose", params.choose.name)
    if choice.k != 1 or not choose.takes_highest(params_of(choose, params.choose)):
        yield errors.start_fault("it names one module for each step", "choose by `top(1)`", span, choice.over)
    if params.gate.name == "none" and params.weight is not None and params.weight.name == "raw":
        message = "a raw weight without a gate is the margin itself"
        yield errors.start_fault(message, "use the gate `softmax`, or `weight = one`", span, choice.over)
    elif params.weight is not None and params.weight.name == "raw":
        yield from _raw(choice, own.margin)


def _raw(choice: Choice, margin: float | Form) -> Iterator[Diagnostic]:
    """With the gate as weight the first choice must be certain, and then nothing reaches the router."""
    span = choice.bound.at("start", choice.text.span)
    first = margin["start"] if isinstance(margin, Form) else margin
    if isinstance(first, int | float) and first < CERTAIN:
        message = f"with `weight = raw` a margin of {first:g} leaves the first gate below 1"
        help_ = "begin with a margin of 20, or write `weight = one; grad = ste`"
        yield errors.start_fault(message, help_, span, choice.over)
    elif not isinstance(margin, Form) and not choice.params.frozen:
        score: ScoreKind = words.kind("score", choice.params.score.name)
        if score.learns(params_of(score, choice.params.score)):
            yield errors.start_teaches_nothing(float(margin), span)


def check(draft: Draft) -> None:
    """Starts against the number of routing steps, once the whole net is known."""
    uses = Counter(use.router for use in draft.routes)
    told = set[str]()
    for use in draft.routes:
        form = draft.routers[use.router].fields.get("start") if use.router in draft.routers else None
        if not isinstance(form, Form) or form.name == "none":
            continue
        kind: StartKind = words.kind("start", form.name)
        params, span = params_of(kind, form), use.bound.at("start", use.span)
        if kind.by_step(params) and uses[use.router] == 1:
            message, help_ = "this router has one turn", "declare one router for all steps, or write `by = last`"
            _once(errors.start_fault(message, help_, span, use.span), told, draft)
            continue
        steps = uses[use.router] if uses[use.router] > 1 else sum(each.span == use.span for each in draft.routes)
        length = kind.length(params)
        if length is not None and (steps < length[0] or (steps > length[0] and not length[1])):
            message = f"{length[0]} modules one after the other, and {steps} routing steps"
            if kind.too_short is not None:
                message = kind.too_short(params, steps)
            help_ = f"repeat the step {length[0]} times" + (" or more" if length[1] else ", or add an `exit()`")
            _once(errors.start_fault(message, help_, span, use.span), told, draft)


def _once(fault: Diagnostic, told: set[str], draft: Draft) -> None:
    key = f"{fault.message} {fault.span}"
    if key not in told:
        told.add(key)
        draft.bag.add(fault)

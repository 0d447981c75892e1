"""Checks of one routing step: the choice against its candidates, weight, gradient, balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dnac.ir.form import Form
from dnac.kinds.base import BalanceKind, GradKind, ScoreKind, WeightKind, params_of
from dnac.semantics import errors_routing as errors
from dnac.semantics import errors_values, words
from dnac.semantics.bind import Bound
from dnac.semantics.choice import Choice
from dnac.semantics.draft import Draft
from dnac.semantics.idle import idle_faults
from dnac.semantics.wrong import Wrong
from dnac.text.diagnostic import Diagnostic


def complete_router(choice: Choice, draft: Draft) -> Bound:
    """The fields with `weight` and `balance` filled where nothing was left to say.

    Raises:
        Wrong: the router does not fit its candidates; all faults found are in it.
    """
    faults = list(_choice_faults(choice)) or [*_must_say(choice), *_score_faults(choice), *_gradient(choice)]
    faults += _balance_faults(choice)
    if not faults:
        faults += idle_faults(choice)
    errors_found = [f for f in faults if f.severity == "error"]
    for fault in faults:
        draft.bag.add(fault)
    if errors_found:
        raise Wrong()
    params = choice.params
    completed = params.model_copy(update={"weight": params.weight or Form("raw"), "balance": params.balance or ()})
    return replace(choice.bound, params=completed)


def _choice_faults(choice: Choice) -> Iterator[Diagnostic]:
    span = choice.bound.at("choose", choice.text.span)
    if choice.size == 1:
        yield errors.one_candidate(choice.over)
    for fault in choice.choose.check(params_of(choice.choose, choice.params.choose), choice.size):
        yield errors.choice_fault(fault.message, fault.help, span, choice.over)


def _must_say(choice: Choice) -> Iterator[Diagnostic]:
    if choice.k >= choice.size:
        return
    if choice.params.weight is None:
        yield errors.weight_missing(choice.k, choice.size, choice.text.span, words.names("weight"))
    if choice.params.balance is None:
        yield errors.balance_missing(choice.k, choice.size, choice.text.span)


def _score_faults(choice: Choice) -> Iterator[Diagnostic]:
    score: ScoreKind = words.kind("score", choice.params.score.name)
    span = choice.bound.at("score", choice.text.span)
    for fault in score.check(params_of(score, choice.params.score), choice.size):
        yield errors_values.values_clash(score.name, fault.field or "score", fault.message, fault.help, span)


def _gradient(choice: Choice) -> Iterator[Diagnostic]:
    """The router must learn through its weight, unless it does not learn or learns otherwise."""
    params = choice.params
    if params.weight is None or params.frozen or choice.size == 1:
        return
    score: ScoreKind = words.kind("score", params.score.name)
    grad: GradKind = words.kind("grad", params.grad.name)
    weight: WeightKind = words.kind("weight", params.weight.name)
    learns = score.learns(params_of(score, params.score)) and grad.needs_weight
    if learns and not weight.trains_router(choice.k):
        yield errors.no_gradient(params.weight.name, choice.k, choice.bound.at("weight", choice.text.span))


def _balance_faults(choice: Choice) -> Iterator[Diagnostic]:
    for number, term in enumerate(choice.params.balance or ()):
        span = choice.bound.at_item("balance", number, choice.text.span)
        kind: BalanceKind = words.kind("balance", term.name)
        params = params_of(kind, term)
        member = kind.member(params)
        slots = () if member is None else choice.facts.slots(member)
        if member is not None and not slots:
            message = f"`{member}` always runs and is not scored"
            yield errors.balance_fault(term.name, message, "take it out of `always`", span, choice.over)
            continue
        complaints = list(kind.check(params, choice.facts))
        for fault in complaints:
            yield errors.balance_fault(term.name, fault.message, fault.help, span, choice.over)
        is_skip = member is not None and set(slots) <= set(choice.facts.identities)
        if is_skip and not complaints and len(slots) < choice.k:
            yield errors.few_identities(str(member), len(slots), choice.k, span)

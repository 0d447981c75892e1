"""Checks of one routing step: the choice against its candidates, weight, gradient, balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dnac.ir.form import Form
from dnac.kinds.base import BalanceKind, Fault, GateKind, GradKind, ScoreKind, WeightKind, params_of
from dnac.kinds.limits import LimitKind
from dnac.kinds.noises import NoiseKind
from dnac.kinds.params import values_of
from dnac.kinds.rewards import RewardKind
from dnac.kinds.scopes import ScopeKind
from dnac.semantics import errors_routing as errors
from dnac.semantics import errors_values, words
from dnac.semantics.bind import Bound
from dnac.semantics.choice import Choice
from dnac.semantics.draft import Draft
from dnac.semantics.halting_words import halting_faults
from dnac.semantics.idle import idle_faults, untaught
from dnac.semantics.starts import start_faults
from dnac.semantics.wrong import Wrong
from dnac.text.diagnostic import Diagnostic


def complete_router(choice: Choice, draft: Draft) -> Bound:
    """The fields with `weight` and `balance` filled where nothing was left to say.

    Raises:
        Wrong: the router does not fit its candidates; all faults found are in it.
    """
    faults = list(_choice_faults(choice)) or list(halting_faults(choice))
    faults = faults or [*_must_say(choice), *_score_faults(choice), *_gradient(choice)]
    faults += _balance_faults(choice)
    faults += [
        *_scope_faults(choice),
        *_reward_faults(choice),
        *_limit_faults(choice),
        *_decode_faults(choice),
        *_gate_faults(choice),
        *start_faults(choice),
    ]
    if not faults:
        faults += idle_faults(choice)
        draft.untaught += untaught(choice, draft.modules)
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
    if choice.size == 1 and choice.takes_all and not choice.is_halt:
        yield errors.one_candidate(choice.over)
    params = params_of(choice.choose, choice.params.choose)
    for fault in (*choice.choose.fits(params, choice.facts), *choice.choose.check(params, choice.size)):
        yield errors.choice_fault(fault.message, fault.help, span, choice.over)


def _must_say(choice: Choice) -> Iterator[Diagnostic]:
    if choice.takes_all or choice.is_halt:
        return
    if choice.params.weight is None:
        yield errors.weight_missing(choice.what, choice.text.span, _weights())
    if choice.params.balance is None:
        yield errors.balance_missing(choice.what, choice.text.span)


def _weights() -> list[str]:
    """The words for `weight` that a routing step understands."""
    return [name for name in words.names("weight") if not words.kind("weight", name).of_halting]


def _score_faults(choice: Choice) -> Iterator[Diagnostic]:
    score: ScoreKind = words.kind("score", choice.params.score.name)
    span = choice.bound.at("score", choice.text.span)
    for fault in score.check(params_of(score, choice.params.score), choice.size):
        yield errors_values.values_clash(score.name, fault.field or "score", fault.message, fault.help, span)


def _gradient(choice: Choice) -> Iterator[Diagnostic]:
    """The router must learn through its weight, unless it does not learn or learns otherwise."""
    params = choice.params
    if params.weight is None or params.frozen or (choice.size == 1 and choice.takes_all):
        return
    score: ScoreKind = words.kind("score", params.score.name)
    grad: GradKind = words.kind("grad", params.grad.name)
    weight: WeightKind = words.kind("weight", params.weight.name)
    learns = score.learns(params_of(score, params.score)) and grad.needs_weight
    if learns and not weight.trains_router(choice.least_k):
        yield errors.no_gradient(params.weight.name, choice.least_k, choice.bound.at("weight", choice.text.span))


def _scope_faults(choice: Choice) -> Iterator[Diagnostic]:
    """One decision for several tokens can neither be drawn for each, nor be taken by modules."""
    params = choice.params
    scope: ScopeKind = words.kind("scope", params.scope.name)
    score: ScoreKind = words.kind("score", params.score.name)
    noise: NoiseKind = words.kind("noise", params.noise.name)
    if scope.is_one and not score.is_blind:
        why, help_ = f"`score = {score.name}` looks at each token", "use `score = constant`, which looks at none"
        yield errors.scope_misfit(scope.name, why, help_, choice.bound.at("scope", choice.text.span))
    if scope.pool is None:
        return
    of_each = {
        f"with `choose = {choice.choose.name}` modules choose tokens": bool(choice.takers),
        f"`choose = {choice.choose.name}` draws for each token": bool(choice.choose.perturb or choice.choose.draw),
        f"`noise = {noise.name}` is drawn for each token": noise.shake is not None,
    }
    for why in (why for why, is_so in of_each.items() if is_so):
        help_ = "remove `scope`, or choose by `top(k)` without noise on the scores"
        yield errors.scope_misfit(scope.name, why, help_, choice.bound.at("scope", choice.text.span))


def _reward_faults(choice: Choice) -> Iterator[Diagnostic]:
    """What a choice earned says something of its chance only where it is drawn by its chance, one for each token."""
    params = choice.params
    if not isinstance(words.kind("grad", params.grad.name), RewardKind):
        return
    moved = [term.name for term in params.balance or () if words.kind("balance", term.name).update is not None]
    why = "" if choice.choose.draw is not None and choice.k == 1 else f"`choose = {choice.choose.name}` draws none"
    why = why or (f"`{moved[0]}` moves what is drawn by a bias" if moved else "")
    why = "a halting step takes no part in it" if choice.is_halt else why
    if why:
        yield errors.nothing_earned(params.grad.name, why, choice.bound.at("grad", choice.text.span))


def _limit_faults(choice: Choice) -> Iterator[Diagnostic]:
    """A limit that refuses choices at a level load, or that nothing can fill."""
    form = choice.params.limit
    kind: LimitKind = words.kind("limit", form.name)
    span = choice.bound.at("limit", choice.text.span)
    for fault in kind.check(params_of(kind, form), choice.facts):
        say = errors.limit_below_demand if fault.field == "below" else errors.limit_never_full
        yield say(fault.message, fault.help, span, choice.over)


def _gate_faults(choice: Choice) -> Iterator[Diagnostic]:
    """Gates that start closed, and temperatures that reach zero."""
    cold = [value for value in values_of(choice.params.tau) if value <= 0]
    if cold:
        yield errors_values.out_of_range(
            "router", "tau", f"{cold[0]:g}", "above 0", choice.bound.at("tau", choice.text.span)
        )
    form = choice.params.gate
    kind: GateKind = words.kind("gate", form.name)
    span = choice.bound.at("gate", choice.text.span)
    for fault in kind.starts(params_of(kind, form)):
        yield errors.gate_starts_closed(form.name, fault.message, fault.help, span)
    yield from _below_line(choice, kind)


def _below_line(choice: Choice, gate: GateKind) -> Iterator[Diagnostic]:
    """Gates that start below the line that they must pass to run: nothing runs, so nothing learns."""
    params = choice.params
    over = choice.choose.over(params_of(choice.choose, params.choose))
    score: ScoreKind = words.kind("score", params.score.name)
    scored = params_of(score, params.score)
    moved = any(words.kind("balance", term.name).update is not None for term in params.balance or ())
    if over is None or choice.is_halt or moved or not score.learns(scored) or score.written(scored) is not None:
        return
    start = gate.at_zero(params_of(gate, params.gate), choice.size)
    if start <= over:
        yield errors.starts_below(choice.choose.name, over, start, choice.bound.at("choose", choice.text.span))


def _decode_faults(choice: Choice) -> Iterator[Diagnostic]:
    """Another way to choose while generating, where the choice itself would do."""
    word = choice.params.decode.name
    if word != "none" and not choice.takers:
        span = choice.bound.at("decode", choice.text.span)
        yield errors.decode_without_need(word, choice.params.choose.name, span)


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
        if kind.of_takers and not choice.takers:
            message = "no module of this router chooses its tokens"
            complaints.append(Fault("", message, "use `choose = top_tokens(...)`"))
        for fault in complaints:
            yield errors.balance_fault(term.name, fault.message, fault.help, span, choice.over)
        is_skip = member is not None and set(slots) <= set(choice.facts.identities)
        if is_skip and not complaints and len(slots) < choice.k:
            yield errors.few_identities(str(member), len(slots), choice.k, span)

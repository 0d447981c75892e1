"""What a router says without effect: terms that change nothing, weights that nothing trains, steps that do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dnac.ir.graph import ModuleSet, turns_of
from dnac.kinds.base import BalanceKind, GradKind, ScoreKind, WeightKind, params_of
from dnac.semantics import errors_candidates, words
from dnac.semantics import errors_routing as errors
from dnac.semantics.candidates import Candidate
from dnac.semantics.choice import Choice
from dnac.text.diagnostic import Diagnostic


def idle_faults(choice: Choice) -> Iterator[Diagnostic]:
    """Warnings about one routing step that has no faults."""
    yield from _frozen(choice)
    yield from _untrained_scale(choice)
    yield from _terms(choice)
    possible = range(choice.size) if choice.possible is None else choice.possible
    is_idle = all(choice.scored[slot].is_identity and not choice.scored[slot].is_exit for slot in possible)
    if is_idle and not choice.params.always and choice.size > 1:
        yield errors_candidates.identities_alone(choice.over)


def _learns(choice: Choice) -> bool:
    """Whether the score has weights that training should reach."""
    score: ScoreKind = words.kind("score", choice.params.score.name)
    return score.learns(params_of(score, choice.params.score))


def _kinds(choice: Choice) -> list[BalanceKind]:
    return [words.kind("balance", term.name) for term in choice.params.balance or ()]


def _frozen(choice: Choice) -> Iterator[Diagnostic]:
    """`frozen = true` over a score without weights."""
    if choice.params.frozen and not _learns(choice):
        word = choice.params.score.name
        span = choice.bound.at("frozen", choice.text.span)
        yield errors.untrainable(f"`score = {word}` has nothing that could be frozen", span, "remove `frozen`")


def untaught(choice: Choice, modules: Mapping[str, ModuleSet]) -> Iterator[Diagnostic]:
    """A router that no loss reaches: `grad = none`, or weights of modules that give nothing. The train block may have
    a loss of its own: it is judged behind it.
    """
    if not _learns(choice) or choice.params.frozen or any(kind.loss is not None for kind in _kinds(choice)):
        return
    grad: GradKind = words.kind("grad", choice.params.grad.name)
    if not grad.teaches_router:
        span = choice.bound.at("grad", choice.text.span)
        message = "the router has weights to learn, and neither the task nor a balance loss reaches them"
        help_ = "say `frozen = true` if that is meant, or add a loss such as `aux(0.01)` or `distill(on = residuals)`"
        yield errors.untrainable(message, span, help_)
    elif grad.name in _BY_OUTPUT and not choice.is_halt and all(_gives_nothing(c, modules) for c in choice.scored):
        message = "the router chooses among ways out and identities alone, whose weights multiply nothing"
        help_ = "let tokens leave by `halt by`, put the exit beside modules, or add a loss such as `aux(0.01)`"
        if any(each.is_exit for each in choice.scored):  # identities alone have a warning of their own
            yield errors.untrainable(message, choice.over, help_)


_BY_OUTPUT = ("soft", "ste")
"""Words for `grad` by which a router learns through what its modules give."""


def _gives_nothing(candidate: Candidate, modules: Mapping[str, ModuleSet]) -> bool:
    """An identity, or an exit that stands for no turns."""
    return candidate.is_identity and turns_of(modules[candidate.member.set].parts, candidate.member.index) is None


def _untrained_scale(choice: Choice) -> Iterator[Diagnostic]:
    """Outputs weighed by gates that nothing ever trains."""
    params = choice.params
    score: ScoreKind = words.kind("score", params.score.name)
    is_written = score.written(params_of(score, params.score)) is not None
    is_still = (params.frozen or not _learns(choice)) and not is_written
    weight: WeightKind = words.kind("weight", params.weight.name if params.weight else "raw")
    if is_still and weight.name == "raw" and choice.size > 1:
        why = "is frozen" if params.frozen else f"has `score = {score.name}`, which does not learn"
        yield errors.untrained_scale(why, choice.bound.at("weight", choice.text.span))


def _choose_params(choice: Choice) -> object:
    return params_of(choice.choose, choice.params.choose)


def _terms(choice: Choice) -> Iterator[Diagnostic]:
    """Losses on a score that does not learn, and biases on a choice that never varies."""
    is_fixed = choice.takes_all or choice.choose.fixed(_choose_params(choice), choice.size) is not None
    for number, (term, kind) in enumerate(zip(choice.params.balance or (), _kinds(choice), strict=True)):
        span = choice.bound.at_item("balance", number, choice.text.span)
        if kind.loss is not None and (choice.params.frozen or not _learns(choice)):
            why = (
                "the router is frozen"
                if choice.params.frozen
                else f"`score = {choice.params.score.name}` does not learn"
            )
            yield errors.idle_term(term.name, why, span, "remove the term, or let the router learn")
        elif kind.loss is None and choice.takers:
            why = "every module takes its share of the tokens, whatever its bias"
            yield errors.idle_term(term.name, why, span, "remove the term")
        elif kind.loss is None and is_fixed:
            why = f"`choose = {choice.params.choose.name}` never varies"
            yield errors.idle_term(term.name, why, span, "remove the term, or let the router choose")

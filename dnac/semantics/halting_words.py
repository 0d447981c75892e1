"""What a router may say of a halting step, and of no other: its gate unsaid, its choice, its weight, its losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dnac.ir.form import Form
from dnac.kinds.base import BalanceKind, ScoreKind, WeightKind, params_of
from dnac.semantics import errors_halting as errors
from dnac.semantics import words
from dnac.semantics.bind import Bound
from dnac.semantics.choice import Choice
from dnac.text.diagnostic import Diagnostic


def with_gate(bound: Bound) -> Bound:
    """The router of a halting step, whose gate is a chance: unsaid it is `sigmoid`, or none of a score that is one."""
    if "gate" in bound.spans:
        return bound
    score: ScoreKind = words.kind("score", bound.params.score.name)
    gate = Form("none") if score.is_chance else Form("sigmoid", (("bias", 0.0),))
    return replace(bound, params=bound.params.model_copy(update={"gate": gate}))


def halting_faults(choice: Choice) -> Iterator[Diagnostic]:
    """Words that only a halting step understands, or none."""
    yield from _of_halts(choice) if choice.is_halt else _of_routes(choice)


def _out_of_reach(choice: Choice) -> Iterator[Diagnostic]:
    """A threshold above 1 and gates that are chances: nobody leaves."""
    params = choice.params
    over = choice.choose.over(params_of(choice.choose, params.choose))
    score: ScoreKind = words.kind("score", params.score.name)
    is_open = params.gate.name == "none" and not score.is_chance
    if over is not None and over > 1 and not is_open:
        of = f"gate = {params.gate.name}" if params.gate.name != "none" else f"score = {params.score.name}"
        yield errors.out_of_reach(over, of, choice.bound.at("choose", choice.text.span))


def _of_halts(choice: Choice) -> Iterator[Diagnostic]:
    params, span = choice.params, choice.text.span
    if not choice.choose.may_pass:
        at = choice.bound.at("choose", span)
        yield errors.always_leaves(f"choose = {params.choose.name}", at)
    yield from _out_of_reach(choice)
    if params.gate.name == "softmax":
        yield errors.always_leaves("gate = softmax", choice.bound.at("gate", span))
    if params.weight is not None and not _weight(choice).of_halting:
        at = choice.bound.at("weight", span)
        yield errors.not_of_a_halt(f"weight = {params.weight.name}", "write `weight = halting`, or leave it out", at)
    for field, is_said in (("limit", params.limit.name != "none"), ("always", bool(params.always))):
        if is_said:
            yield errors.not_of_a_halt(field, f"leave `{field}` out", choice.bound.at(field, span))
    if choice.choose.leaves is not None and params.when != "both":
        at = choice.bound.at("when", span)
        yield errors.sum_at_all_steps(params.choose.name, params.when, at)
    score: ScoreKind = words.kind("score", params.score.name)
    foretells = score.foretells(params_of(score, params.score)) is not None
    if foretells and params.when != "eval":
        at = choice.bound.at("when", choice.bound.at("score", span))
        yield errors.foretells_itself(f"score = {params.score.name}", params.when, at)
    taught = foretells or params.weight is not None or any(kind.loss is not None for kind in _terms(choice))
    if score.learns(params_of(score, params.score)) and not params.frozen and not taught:
        yield errors.nothing_teaches(span)


def _of_routes(choice: Choice) -> Iterator[Diagnostic]:
    params, span = choice.params, choice.text.span
    said = [("choose", params.choose.name, choice.choose.leaves is not None)]
    said.append(("when", params.when, params.when != "both"))
    said.append(("score", params.score.name, words.kind("score", params.score.name).sees_before))
    if params.weight is not None:
        said.append(("weight", params.weight.name, _weight(choice).of_halting))
    for field, word, is_halting in said:
        if is_halting:
            yield errors.of_a_halt(f"{field} = {word}", choice.bound.at(field, span))
    for number, kind in enumerate(_terms(choice)):
        if kind.over_steps:
            yield errors.of_a_halt(f"balance = {kind.name}", choice.bound.at_item("balance", number, span))


def _weight(choice: Choice) -> WeightKind:
    return words.kind("weight", (choice.params.weight or Form("raw")).name)


def _terms(choice: Choice) -> list[BalanceKind]:
    return [words.kind("balance", term.name) for term in choice.params.balance or ()]

"""The train block of a net: its fields, and what can be judged without opening the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from dnac.ir.form import Form
from dnac.kinds.base import BalanceKind, params_of
from dnac.kinds.params import values_of
from dnac.kinds.train import TrainParams
from dnac.semantics import errors_routing, words
from dnac.semantics import errors_train as errors
from dnac.semantics.bind import Bound, Owner, bind
from dnac.semantics.budgets import BudgetUse
from dnac.semantics.draft import Draft, RouteUse
from dnac.semantics.routers import collect
from dnac.semantics.schedules import ends
from dnac.semantics.scope import Scope
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span

UNITS: dict[str, tuple[str, ...]] = {
    "batch": ("sequences", "tokens"),
    "length": ("steps", "tokens", "epochs"),
    "eval_every": ("steps", "tokens", "epochs"),
    "save_every": ("steps", "tokens", "epochs"),
}
"""In what each amount may be counted."""

ENOUGH = 0.5
"""Rate times train steps below which a bias can hardly change a choice among gates in [0, 1]."""


@dataclass(frozen=True)
class Run:
    """What is known of a run before its data: None where an epoch would have to be counted."""

    sequences: int
    tokens: int
    steps: int | None

    def steps_of(self, amount: tuple[str, float]) -> float | None:
        """An amount (unit, number) in train steps."""
        unit, number = amount
        if unit == "steps":
            return number
        if unit == "tokens":
            return number / self.tokens
        return number * self.steps if unit == "share" and self.steps else None


def train_form(block: ast.Train, draft: Draft, scope: Scope) -> Form | None:
    """`train{...}` with all defaults filled, or None with the faults in the bag."""
    fields = tuple(TrainParams.model_fields)
    given = collect(block.body, "train", scope, draft.bag) | draft.overrides.fields("train", fields)
    bound = bind(Owner("train", block.net.span, scope, draft.width), TrainParams, given, draft.bag)
    if bound is None:
        return None
    draft.places |= bound.spans
    if draft.source_span is not None:
        draft.places["input"] = draft.source_span
    faults = [*_units(bound.params, bound.spans), *_distilled(bound, block.net.span)]
    if not faults and draft.site is not None:
        faults += _sizes(bound.params, draft.site.tokens, bound.spans, block.net.span)
    if not any(f.severity == "error" for f in faults) and draft.site is not None:
        run = _run(bound.params, draft.site.tokens)
        for key in ("lr", "router_lr", "body_lr"):
            faults += _schedule(getattr(bound.params, key), key, bound.spans.get(key, block.net.span), run)
        faults += [*_rare(bound.params, bound.spans, run), *_balance(draft.routes, run), *_budgets(draft, run)]
        for key, schedule, span in dict.fromkeys(draft.schedules):
            faults += _schedule(schedule, key, span, run)
    for fault in faults:
        draft.bag.add(fault)
    return bound.params.form("train")


def teaches_routers(train: Form) -> bool:
    """Whether a term of the loss reaches the gates of routers by itself."""
    terms = train["loss"]
    return isinstance(terms, tuple) and any(isinstance(t, Form) and t.get("on") == "residuals" for t in terms)


def _distilled(bound: Bound, span: Span) -> Iterator[Diagnostic]:
    """`distill(on = residuals)` says how much shall be skipped, and nothing else does."""
    for number, term in enumerate(bound.params.loss):
        if term.name != "distill":
            continue
        wanted, given = term.get("on") == "residuals", term.get("skip") is not None
        if wanted != given:
            yield errors.share_of_residuals(bound.at_item("loss", number, span), is_missing=wanted)


def _amount(form: Form) -> int:
    number = form.args[0][1]
    assert isinstance(number, int)
    return number


def _units(params: TrainParams, spans: Mapping[str, Span]) -> Iterator[Diagnostic]:
    for key, allowed in UNITS.items():
        form: Form | None = getattr(params, key)
        if form is not None and form.name in words.names("amount") and form.name not in allowed and key in spans:
            yield errors.wrong_amount(key, form.name, spans[key], allowed)


def _sizes(params: TrainParams, tokens: int, spans: Mapping[str, Span], span: Span) -> Iterator[Diagnostic]:
    batch = _amount(params.batch)
    if params.batch.name == "tokens" and batch % tokens:
        yield errors.uneven_tokens(batch, tokens, spans.get("batch", span))
        return
    sequences = batch // tokens if params.batch.name == "tokens" else batch
    if sequences % params.accumulate:
        at = spans.get("accumulate", span)
        yield errors.uneven_micro_batches(sequences, params.accumulate, at, spans.get("batch", span))


def _run(params: TrainParams, tokens: int) -> Run:
    batch = _amount(params.batch)
    sequences = batch // tokens if params.batch.name == "tokens" else batch
    if params.length.name not in ("steps", "tokens"):  # epochs, and parts of them, are counted with the data
        return Run(sequences, sequences * tokens, None)
    length = _amount(params.length)
    steps = length if params.length.name == "steps" else -(-length // (sequences * tokens))
    return Run(sequences, sequences * tokens, steps)


def _schedule(value: float | Form, key: str, span: Span, run: Run) -> Iterator[Diagnostic]:
    """Ends of a schedule in train steps: they rise, and lie within the run."""
    if not isinstance(value, Form):
        return
    pieces = value["pieces"]
    assert isinstance(pieces, tuple)
    found = [run.steps_of(ends(p)) for p in pieces if isinstance(p, Form)]
    known = [e for e in found if e is not None]
    if any(later < earlier for earlier, later in pairwise(known)):
        yield errors.pieces_out_of_order(key, span)
    if run.steps is not None and known and max(known) > run.steps * (1 + 1e-9):
        yield errors.schedule_too_long(key, int(max(known)), run.steps, span)


def _rare(params: TrainParams, spans: Mapping[str, Span], run: Run) -> Iterator[Diagnostic]:
    for key in ("eval_every", "save_every"):
        form: Form | None = getattr(params, key)
        if form is None or form.name != "steps" or run.steps is None or key not in spans:
            continue
        if _amount(form) > run.steps:
            yield errors.too_short(key, _amount(form), run.steps, spans[key])


def _balance(routes: list[RouteUse], run: Run) -> Iterator[Diagnostic]:
    """Biases whose rate is too small for the run, and schedules of balance terms."""
    for use in routes:
        for own in ("tau", "scale"):
            yield from _schedule(getattr(use.fields, own), own, use.bound.at(own, use.span), run)
        for number, term in enumerate(use.fields.balance or ()):
            span = use.bound.at_item("balance", number, use.span)
            for _, value in term:
                if isinstance(value, Form) and value.name == "schedule":
                    yield from _schedule(value, term.name, span, run)
            kind: BalanceKind = words.kind("balance", term.name)
            if kind.update is None or run.steps is None or (most := _most(term.get("rate"))) * run.steps >= ENOUGH:
                continue
            is_target = kind.target(params_of(kind, term)) is not None
            yield errors_routing.bias_out_of_reach(most, run.steps, span, is_target)


def _budgets(draft: Draft, run: Run) -> Iterator[Diagnostic]:
    """Schedules of budgets, and biases that move too slowly for the run."""
    for use in (each for each in draft.budgets if isinstance(each, BudgetUse)):
        means = params_of(use.by, use.params.by)
        for field, value in (("target", use.params.target), *(("by", value) for _, value in means)):
            yield from _schedule(value, field, use.at(field), run)
        if use.by.update is not None and run.steps and (most := _most(use.by.rate(means))) * run.steps < ENOUGH:
            yield errors_routing.bias_out_of_reach(most, run.steps, use.at("by"), is_target=True)


def _most(rate: object) -> float:
    """The largest value of a rate; a rate that is not a number never warns."""
    if isinstance(rate, Form):
        return max(values_of(rate), default=ENOUGH)
    return float(rate) if isinstance(rate, (int, float)) else ENOUGH

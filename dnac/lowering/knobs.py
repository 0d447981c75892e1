"""Scheduled numbers inside a graph: they enter a program as one tensor, so no value recompiles it.

Numbers that only a balance term's `update` uses are outside the graph and not listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph, RouterSet
from dnac.kinds.base import BalanceKind, ChooseKind, params_of
from dnac.kinds.budgets import end_of, kinds_of
from dnac.kinds.rates import LAYER_DROPOUT
from dnac.kinds.starts import start_of

MARGIN = "start.margin"
FILLED = "choose.k"
OWN = ("tau", "scale")
"""Numbers of a router itself that may be scheduled."""
Knob = tuple[str, str, Form]
"""(router, budget or module, path of the number such as `balance[0].weight`, the schedule)"""


class AtKnob(NamedTuple):
    """A number that stands among the knobs."""

    place: int
    start: float


def knobs(graph: Graph) -> tuple[Knob, ...]:
    """All scheduled numbers that a forward pass reads, in the order of `Call.knobs`."""
    routers = (knob for router in graph.routers for knob in _of_router(router))
    return (*routers, *(knob for budget in graph.budgets for knob in _of_budget(budget)), *_of_modules(graph))


def starts(graph: Graph) -> Tensor:
    """The values with which the schedules start: [n] float64."""
    return torch.tensor([float(_number(form["start"])) for _, _, form in knobs(graph)], dtype=torch.float64)


def ends(graph: Graph) -> Tensor:
    """The values at which the schedules end and stay: [n] float64."""
    return torch.tensor([end_of(form) for _, _, form in knobs(graph)], dtype=torch.float64)


def own_numbers(graph: Graph) -> dict[str, dict[str, int]]:
    """Of each router with a scheduled number of its own (`tau`, `scale`, `k`), where it stands among the knobs."""
    found: dict[str, dict[str, int]] = {}
    for place, (name, path, _) in enumerate(knobs(graph)):
        if path in (*OWN, FILLED):
            found.setdefault(name, {})[path.removeprefix("choose.")] = place
    return found


def margins(graph: Graph) -> dict[str, int]:
    """Of each router whose start has a scheduled margin, where it stands among the knobs."""
    return {router: place for place, (router, path, _) in enumerate(knobs(graph)) if path == MARGIN}


def budget_knobs(graph: Graph) -> dict[str, dict[str, int]]:
    """Of each budget, where its scheduled numbers (`target`, `by.weight`) stand among the knobs."""
    first = sum(1 for router in graph.routers for _ in _of_router(router))
    found: dict[str, dict[str, int]] = {}
    all_of_budgets = (knob for budget in graph.budgets for knob in _of_budget(budget))
    for place, (budget, path, _) in enumerate(all_of_budgets, first):
        found.setdefault(budget, {})[path] = place
    return found


def rates(graph: Graph) -> dict[Form, int]:
    """Of each schedule of a layer dropout, where it stands among the knobs."""
    return {form: place for place, (_, path, form) in enumerate(knobs(graph)) if path == LAYER_DROPOUT}


def present(number: Any, place: int | None, values: Tensor | None) -> Any:
    """A number as it is now: a constant, a scalar of `values` [n], or the start of a schedule without values."""
    if place is None or values is None:
        return _number(number["start"]) if isinstance(number, Form) else number
    return values[place]


@dataclass(frozen=True)
class ScheduledTerm:
    """One scheduled number of one balance term of a router."""

    term: int
    name: str
    place: int
    """Where its present value stands among the knobs."""
    constants: dict[str, Any]
    """The term's params as plain values, which a traced program may read."""


class Present:
    """A term's params with the present values of its scheduled numbers."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


def scheduled_terms(graph: Graph) -> dict[str, tuple[ScheduledTerm, ...]]:
    """The scheduled numbers of each router, looked up before anything is traced."""
    found: dict[str, list[ScheduledTerm]] = {router.name: [] for router in graph.routers}
    for place, (router, path, _) in enumerate(knobs(graph)):
        if not path.startswith("balance["):
            continue
        term, name = path.removeprefix("balance[").split("].")
        form: Form = graph.router[router].fields["balance"][int(term)]  # type: ignore[index, assignment]
        params = params_of(catalogue.get("balance", form.name), form)
        constants = {key: getattr(params, key) for key in type(params).model_fields}
        found[router].append(ScheduledTerm(int(term), name, place, constants))
    return {name: tuple(terms) for name, terms in found.items()}


def present_terms(
    balance: Sequence[tuple[Any, Any]], scheduled: Sequence[ScheduledTerm], values: Tensor
) -> tuple[tuple[Any, Any], ...]:
    """(kind, params) of all balance terms, scheduled numbers as scalars of `values` [n]."""
    present: dict[int, dict[str, Any]] = {}
    for each in scheduled:
        present.setdefault(each.term, dict(each.constants))[each.name] = values[each.place]
    return tuple((kind, Present(present[i]) if i in present else params) for i, (kind, params) in enumerate(balance))


def _of_router(router: RouterSet) -> Iterator[Knob]:
    for own in OWN:
        if _is_schedule(number := router.fields.get(own)):
            yield router.name, own, number  # type: ignore[misc]
    choose = router.fields["choose"]
    kind: ChooseKind = catalogue.get("choose", choose.name)  # type: ignore[union-attr]
    if (filled := kind.filled(params_of(kind, choose))) is not None:  # type: ignore[arg-type]
        yield router.name, FILLED, filled
    terms = router.fields["balance"] or ()
    for i, term in enumerate(terms):  # type: ignore[arg-type]
        balance: BalanceKind = catalogue.get("balance", term.name)  # type: ignore[union-attr]
        if balance.loss is not None:
            for name, value in term.args:  # type: ignore[union-attr]
                if _is_schedule(value):
                    yield router.name, f"balance[{i}].{name}", value
    start = start_of(router.fields)
    if start is not None and _is_schedule(start.get("margin")):
        yield router.name, MARGIN, start["margin"]  # type: ignore[misc]


def _of_budget(budget: BudgetSet) -> Iterator[Knob]:
    params, by, means = kinds_of(budget)
    if by.loss is None and by.price is None and not by.refuses:
        return
    numbers = {"target": params.target, **{f"by.{name}": value for name, value in means}}
    yield from ((budget.name, path, value) for path, value in numbers.items() if _is_schedule(value))


def _of_modules(graph: Graph) -> Iterator[Knob]:
    """Each schedule once, however many layers follow it: turns of a region ask for that of the first one."""
    found: dict[Form, str] = {}
    for entry in graph.modules:
        for part in entry.parts:
            if isinstance(rate := part.kind.get(LAYER_DROPOUT), Form):
                found.setdefault(rate, entry.name)
    yield from ((name, LAYER_DROPOUT, rate) for rate, name in found.items())


def _is_schedule(value: object) -> bool:
    return isinstance(value, Form) and value.name == "schedule"


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"a schedule starts with a number, not {value!r}")
    return float(value)

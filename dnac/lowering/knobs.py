"""Scheduled numbers inside a graph: they enter a program as one tensor, so no value recompiles it.

Numbers that only a balance term's `update` uses are outside the graph and not listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, RouterSet
from dnac.kinds.base import BalanceKind, params_of

Knob = tuple[str, str, Form]
"""(router, path of the number such as `balance[0].weight`, the schedule)"""


def knobs(graph: Graph) -> tuple[Knob, ...]:
    """All scheduled numbers that a forward pass reads, in the order of `Call.knobs`."""
    return tuple(knob for router in graph.routers for knob in _of_router(router))


def starts(graph: Graph) -> Tensor:
    """The values with which the schedules start: [n] float64."""
    return torch.tensor([float(_number(form["start"])) for _, _, form in knobs(graph)], dtype=torch.float64)


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
    terms = router.fields["balance"] or ()
    for i, term in enumerate(terms):  # type: ignore[arg-type]
        kind: BalanceKind = catalogue.get("balance", term.name)  # type: ignore[union-attr]
        if kind.loss is not None:
            for name, value in term.args:  # type: ignore[union-attr]
                if _is_schedule(value):
                    yield router.name, f"balance[{i}].{name}", value


def _is_schedule(value: object) -> bool:
    return isinstance(value, Form) and value.name == "schedule"


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"a schedule starts with a number, not {value!r}")
    return float(value)

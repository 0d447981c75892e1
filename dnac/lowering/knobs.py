"""Scheduled numbers inside a graph: they enter a program as one tensor, so no value recompiles it.

Numbers that only a balance term's `update` uses are outside the graph and not listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, RouterSet
from dnac.kinds.base import BalanceKind

Knob = tuple[str, str, Form]
"""(router, path of the number such as `balance[0].weight`, the schedule)"""


def knobs(graph: Graph) -> tuple[Knob, ...]:
    """All scheduled numbers that a forward pass reads, in the order of `Call.knobs`."""
    return tuple(knob for router in graph.routers for knob in _of_router(router))


def starts(graph: Graph) -> Tensor:
    """The values with which the schedules start: [n] float64."""
    return torch.tensor([float(_number(form["start"])) for _, _, form in knobs(graph)], dtype=torch.float64)


def with_values(params: Any, path: str, values: Mapping[str, Tensor]) -> Any:
    """Params whose scheduled numbers are the scalars of `values`, by path; themselves if there are none."""
    scheduled = {name: values[f"{path}.{name}"] for name in _scheduled(params)}
    if not scheduled:
        return params
    return SimpleNamespace(**{name: getattr(params, name) for name in type(params).model_fields} | scheduled)


def _scheduled(params: Any) -> tuple[str, ...]:
    return tuple(name for name in type(params).model_fields if _is_schedule(getattr(params, name)))


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

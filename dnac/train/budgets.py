"""Budgets over a train step: biases that follow what was spent, and the figures for metrics and evaluations.

Costs are shares of the dearest choice at every covered routing step; M candidates of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph, Route
from dnac.ir.traits import unrolled
from dnac.kinds.budgets import Prices, end_of, kinds_of, prices
from dnac.kinds.declared import key_of
from dnac.lowering.base import BudgetStats
from dnac.passes.facts import chosen_per_token
from dnac.train.balance import move

Value = Callable[[float | Form], float]


@torch.no_grad()
def update(network: nn.Module, graph: Graph, counts: Sequence[Tensor], value: Value) -> None:
    """Move the biases of routers that a budget with `by = bias` covers, by what the whole train step spent.

    counts: choices [M + 1] of each routing step, on the CPU.
    """
    if not graph.budgets:
        return
    biases, changes = dict(network.named_buffers()), []
    for budget in graph.budgets:
        params, by, means = kinds_of(budget)
        if by.update is None:
            continue
        found = prices(graph, budget)
        room = value(params.target) - spent(graph, found, counts)
        for router, costs in _by_router(graph, budget, found).items():
            change = by.update(means, room, torch.tensor(costs, dtype=torch.float64), value(by.rate(means)))
            changes.append((biases[key_of(router, "bias")], change))
    move(changes)


def spent(graph: Graph, found: Prices, counts: Sequence[Tensor]) -> Tensor:
    """The mean executed cost of a token, from the choices of each routing step ([M + 1], empty slots last)."""
    total = torch.zeros((), dtype=torch.float64)
    for route in _routes(graph):
        if route.step in found.steps:
            tokens = counts[route.step].sum() / chosen_per_token(graph.router[route.router])
            costs = torch.tensor(found.steps[route.step].costs, dtype=torch.float64)
            total += (counts[route.step][:-1].double() * costs).sum() / tokens.double().clamp(min=1)
    return total


class Spending:
    """Sums of what budgets saw in several forward passes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._sums: Tensor | None = None
        """[budgets, 3]: reached, soft, over."""
        self._times = 0

    def add(self, stats: Sequence[BudgetStats]) -> None:
        """One forward pass; all count alike."""
        rows = [torch.stack([x.double() for x in (s.executed, s.soft, s.over / s.units)]) for s in stats]
        if rows:
            self._sums = torch.stack(rows) + (0 if self._sums is None else self._sums)
            self._times += 1

    def result(self, value: Value | None = None) -> dict[str, dict[str, Any]]:
        """By budget: reached (executed share), soft (what gates alone would say), target, over (part of the tokens,
        sequences or batches above the target).
        """
        if self._sums is None:
            return {}
        rows = (self._sums / self._times).tolist()
        return {
            budget.name: {
                "reached": _round(reached),
                "soft": _round(soft),
                "over": _round(over),
                "target": _round(_target(budget, value)),
            }
            for budget, (reached, soft, over) in zip(self._graph.budgets, rows, strict=True)
        }


def spending(
    graph: Graph, stats: Iterable[Sequence[BudgetStats]], value: Value | None = None
) -> Mapping[str, Mapping[str, Any]]:
    """The figures of several micro-batches."""
    found = Spending(graph)
    for each in stats:
        found.add(each)
    return found.result(value)


def _target(budget: BudgetSet, value: Value | None) -> float:
    target = kinds_of(budget)[0].target
    if value is not None:
        return value(target)
    return end_of(target)


def _by_router(graph: Graph, budget: BudgetSet, found: Prices) -> dict[str, tuple[float, ...]]:
    return {r.router: found.steps[r.step].costs for r in _routes(graph) if r.router in budget.routers}


def _routes(graph: Graph) -> list[Route]:
    return [node for node in unrolled(graph.nodes) if isinstance(node, Route)]


def _round(number: float) -> float:
    return float(f"{number:.6g}")

"""Budgets while a program runs: what tokens spend, purses that refuse, and losses on what was really executed.

What is charged is the executed indicator of each candidate, never its soft gate: a net that is charged for gates
shrinks them and skips nothing. The indicator's gradient is straight through to the gate's openness. Shares are of
the dearest choice at every covered routing step (`kinds.budgets`). B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph
from dnac.kinds.base import GateKind
from dnac.kinds.budgets import ByKind, Prices, StepPrice, kinds_of, prices
from dnac.lowering.base import BudgetStats
from dnac.lowering.device import constant
from dnac.lowering.knobs import Present, budget_knobs, present
from dnac.lowering.purses import ROUNDING, Purse


class Spent(NamedTuple):
    """What one routing step cost."""

    charged: Tensor
    """[B, T] executed cost, with a gradient to the gates."""
    soft: Tensor
    """Mean over tokens of gate times cost (detached scalar)."""


@dataclass(frozen=True)
class Budget:
    """One budget, ready to run."""

    name: str
    goal: float | Form
    """Its target, or the schedule of it."""
    per: str
    by: ByKind
    means: dict[str, Any]
    """The arguments of `by`, as plain values."""
    prices: Prices
    knobs: dict[str, int]
    """Places of its scheduled numbers among the knobs: `target`, `by.weight`."""

    def target(self, knobs: Tensor | None) -> Tensor | float:
        """The present target."""
        return present(self.goal, self.knobs.get("target"), knobs)

    def loss(self, spent: Tensor, knobs: Tensor | None) -> Tensor | None:
        """Its loss, from executed shares of tokens, sequences or the batch."""
        return None if self.by.loss is None else self.by.loss(self._means(knobs), spent, self.target(knobs))

    def price(self, shares_B: Tensor, knobs: Tensor | None) -> Tensor | None:
        """What executed shares of sequences take off their rewards, [B] nats a target."""
        return None if self.by.price is None else self.by.price(self._means(knobs), shares_B, self.target(knobs))

    def _means(self, knobs: Tensor | None) -> Present:
        """The arguments of `by` as they are now."""
        values = dict(self.means)
        for path, place in self.knobs.items():
            if path.startswith("by."):
                values[path[3:]] = present(values[path[3:]], place, knobs)
        return Present(values)

    def units(self, spent_BT: Tensor) -> Tensor:
        """Shares of those who shall keep to the target."""
        match self.per:
            case "token":
                return spent_BT
            case "sequence":
                return spent_BT.mean(-1)
            case _:
                return spent_BT.mean()[None]


class Budgets:
    """All budgets of one program."""

    def __init__(self, graph: Graph) -> None:
        places = budget_knobs(graph)
        self.all = tuple(_budget(graph, each, places.get(each.name, {})) for each in graph.budgets)

    def at(self, step: int) -> list[tuple[Budget, StepPrice]]:
        """The budgets that cover a routing step, each with its costs there."""
        return [(budget, budget.prices.steps[step]) for budget in self.all if step in budget.prices.steps]

    def purses(self, step: int, spent: dict[str, list[Spent]], like: Tensor, knobs: Tensor | None) -> tuple[Purse, ...]:
        """What tokens can still pay at a routing step; `like` [B, T, ...] gives shape, type and device."""
        return tuple(
            Purse(
                costs=constant(price.costs, _wide(like), like.device),
                left=self._left(budget, spent.get(budget.name, ()), like, knobs) - price.after,
            )
            for budget, price in self.at(step)
            if budget.by.refuses
        )

    def charge(self, step: int, spent: dict[str, list[Spent]], ran: Ran) -> None:
        """Note what a routing step cost."""
        covering = self.at(step)
        if not covering:
            return
        slots = torch.arange(ran.gates.shape[-1], device=ran.ids.device)
        executed_BTM = (ran.ids[..., None] == slots).any(-2)
        is_lossy = any(budget.by.loss is not None for budget, _ in covering)
        openness_BTM = ran.openness() if is_lossy else executed_BTM
        gates_BTM = ran.gates.detach().nan_to_num(neginf=0.0).clamp(min=0)
        for budget, price in covering:
            costs_M = constant(price.costs, ran.gates.dtype, ran.gates.device)
            charged = (executed_BTM * costs_M).sum(-1)
            if budget.by.loss is not None:
                soft = (openness_BTM * costs_M).sum(-1)
                charged = charged + (soft - soft.detach())
            spent.setdefault(budget.name, []).append(Spent(charged, (gates_BTM * costs_M).sum(-1).mean()))

    def settle(
        self, spent: dict[str, list[Spent]], knobs: Tensor | None, like: Tensor
    ) -> tuple[Tensor | None, tuple[BudgetStats, ...]]:
        """The sum of all budgets' losses, and what was spent, in the order of the graph; `like` gives the device."""
        losses: list[Tensor] = []
        stats: list[BudgetStats] = []
        for budget in self.all:
            steps = spent.get(budget.name) or [Spent(like.new_zeros((1, 1)), like.new_zeros(()))]
            shares = budget.units(_total(step.charged for step in steps))
            if (loss := budget.loss(shares, knobs)) is not None:
                losses.append(loss)
            stats.append(_stats(budget, shares.detach(), steps, knobs))
        return (sum(losses[1:], losses[0]) if losses else None), tuple(stats)

    def _left(self, budget: Budget, spent: Sequence[Spent], like: Tensor, knobs: Tensor | None) -> Tensor:
        """[B, T] what is left of each token's purse."""
        full = torch.zeros(like.shape[:2], dtype=_wide(like), device=like.device) + budget.target(knobs)
        return full.to(_wide(like)) - sum(step.charged.detach() for step in spent)


@dataclass(frozen=True)
class Ran:
    """What a routing step did, as far as budgets ask."""

    ids: Tensor
    """[B, T, K] after all limits."""
    scores: Tensor
    """[B, T, M] before the temperature."""
    gates: Tensor
    """[B, T, M]"""
    gate: tuple[Any, Any]
    """Its kind and params."""
    tau: float | Tensor = 1.0
    here: Tensor | None = None
    """[B, T] bool: tokens that have not left; None: all."""

    def openness(self) -> Tensor:
        """[B, T, M] how open each gate is: what the executed indicator passes its gradient to."""
        kind: GateKind = self.gate[0]
        is_plain = isinstance(self.tau, float) and self.tau == 1.0
        scores = self.scores if is_plain else self.scores / self.tau
        found = self.gates if kind.openness is None else kind.openness(self.gate[1], scores)
        found = torch.where(scores.isneginf(), 0, found)
        return found if self.here is None else torch.where(self.here[..., None], found, 0)


def _budget(graph: Graph, entry: BudgetSet, knobs: dict[str, int]) -> Budget:
    params, by, means = kinds_of(entry)
    return Budget(entry.name, params.target, params.per, by, dict(means), prices(graph, entry), knobs)


def _stats(budget: Budget, shares: Tensor, steps: Sequence[Spent], knobs: Tensor | None) -> BudgetStats:
    target = budget.target(knobs)
    return BudgetStats(
        executed=shares.mean(),
        soft=_total(step.soft for step in steps),
        over=(shares > target + ROUNDING).sum(),
        units=torch.tensor(shares.numel(), device=shares.device),
    )


def _total(parts: Iterable[Tensor]) -> Tensor:
    listed = list(parts)
    return sum(listed[1:], listed[0])


def _wide(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)

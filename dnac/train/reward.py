"""`grad = reinforce`: routers learn from what their drawn choices earned.

    sum_b (L_b - mean of the others' L) * sum_{t, s} log p(choice of token t at step s)  /  targets of the train step

L_b is the task loss of a sequence (or image), summed over its targets that count, and with `by = reward` of a budget
the price of what it ran, once for each of them. The gradient is that of the expected loss (Williams 1992), since no
sequence's draws change another's loss. B sequences, T tokens, M candidates, K = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dnac import catalogue
from dnac.data.base import IGNORED
from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.kinds.rewards import RewardKind
from dnac.lowering.base import Output, StepRecord
from dnac.lowering.budgets import Budget, Budgets
from dnac.train.losses import losses_of
from dnac.train.routing import routing_steps


@dataclass(frozen=True)
class Reward:
    """The routing steps whose choices are paid for."""

    steps: tuple[int, ...]
    """Places in the record."""
    label_smoothing: float = 0.0
    budgets: tuple[Budget, ...] = ()
    """Those that take a price off the rewards."""

    def loss(self, output: Output, targets: Tensor, count: int, knobs: Tensor | None = None) -> Tensor:
        """A scalar of value 0 whose gradient is the score function's; `count`: targets of the whole train step."""
        with torch.no_grad():
            losses = by_sequence(output.logits, targets, self.label_smoothing)
            counted = (targets.view(len(targets), -1) != IGNORED).sum(-1)
            for budget in self.budgets:
                price = budget.price(executed(budget, output.record), knobs)
                losses = losses if price is None else losses + counted * price
            gain = losses - others_mean(losses)
        chances = log_chances([output.record[step] for step in self.steps])
        return (gain * (chances - chances.detach())).sum() / max(count, 1)


def reward(graph: Graph, label_smoothing: float) -> Reward | None:
    """What routers with `grad = reinforce` learn from; None where there is none."""
    steps = tuple(step.step for step in routing_steps(graph) if _is_paid(graph, step.router))
    priced = tuple(budget for budget in Budgets(graph).all if budget.by.price is not None)
    return Reward(steps, label_smoothing, priced) if steps else None


def executed(budget: Budget, record: Sequence[StepRecord]) -> Tensor:
    """[B]: the executed share of each sequence."""
    total = torch.zeros(len(record[0].ids), dtype=record[0].gates.dtype, device=record[0].gates.device)
    for step, price in budget.prices.steps.items():
        ids, gates = record[step].ids, record[step].gates
        costs = gates.new_tensor((*price.costs, 0.0))  # an empty slot, -1, stands for the last
        total = total + costs[ids.clamp(min=-1)].sum(-1).mean(-1)
    return total


def by_sequence(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """[B]: cross entropies, summed over the targets of each sequence that count."""
    return losses_of(logits, targets, label_smoothing).view(len(targets), -1).sum(-1)


def others_mean(losses: Tensor) -> Tensor:
    """[B]: for each the mean of all others; 0 where it is alone. It does not depend on its own draws."""
    return (losses.sum() - losses) / max(len(losses) - 1, 1)


def log_chances(record: Sequence[StepRecord]) -> Tensor:
    """[B]: the log of the chance of all choices of a sequence, as they were drawn in proportion to gates."""
    total = torch.zeros(len(record[0].wanted), dtype=record[0].gates.dtype, device=record[0].gates.device)
    for step in record:
        chosen = step.wanted[..., 0]
        share = step.gates / step.gates.sum(-1, keepdim=True)
        edge = torch.finfo(share.dtype).tiny
        picked = torch.gather(share, -1, chosen.clamp(min=0)[..., None])[..., 0].clamp(min=edge)
        total = total + torch.where(chosen >= 0, picked.log(), 0.0).sum(-1)
    return total


def _is_paid(graph: Graph, router: str) -> bool:
    grad = graph.router[router].fields["grad"]
    assert isinstance(grad, Form)
    return isinstance(catalogue.get("grad", grad.name), RewardKind)

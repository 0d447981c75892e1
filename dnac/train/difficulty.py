"""Scores by the difficulty of tokens, where the data know it, and whether routers spend more on what is harder.

Shapes: B sequences, T tokens, K choices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dnac.data.base import Batch, Dataset
from dnac.kinds.present import AWAY
from dnac.lowering.base import StepRecord
from dnac.train.routing import RoutingStep

NOTHING: dict[str, Any] = {"by_difficulty": [], "depth_follows_difficulty": None, "depth_follows_steps": None}
"""What an evaluation says of data whose difficulty is not known."""


def executed(record: Sequence[StepRecord], steps: Sequence[RoutingStep]) -> Tensor:
    """[B, T] int64: modules that a token ran over all routing steps; identities, exits and empty slots do not count.
    The turns that it chose of a loop count one each, and so does each turn behind which it was asked whether to leave.
    """
    ran = []
    for made, step in zip(record, steps, strict=True):
        if step.exits and len(step.exits) == len(step.candidates):
            ran.append((made.wanted != AWAY).all(-1).long())
            continue
        if step.turns:
            taken = torch.tensor((*step.turns, 0), device=made.ids.device)
            ran.append(taken[made.ids.clamp(min=-1)].sum(-1))
            continue
        skips = torch.tensor((*step.skips, *step.exits, -1), device=made.ids.device)
        ran.append(((made.ids >= 0) & ~torch.isin(made.ids, skips)).sum(-1))
    return torch.stack(ran).sum(0)


class ByDifficulty:
    """Sums over batches of a data set that has `difficulty(samples)`: [B, T] steps a target needs, -1 for none."""

    def __init__(self, dataset: Dataset, steps: Sequence[RoutingStep], device: torch.device) -> None:
        self._dataset, self._steps, self._device = dataset, steps, device
        self._rows: dict[int, Tensor] = {}
        self._moments = {name: torch.zeros(6, dtype=torch.float64, device=device) for name in ("all", "hard")}

    def add(self, batch: Batch, loss_BT: Tensor, correct_BT: Tensor, record: Sequence[StepRecord]) -> None:
        """One batch."""
        hard_BT = torch.as_tensor(self._dataset.difficulty(batch.samples.numpy())).to(self._device)  # type: ignore[attr-defined]
        ran_BT = executed(record, self._steps) if self._steps else torch.zeros_like(hard_BT)
        figures = torch.stack([torch.ones_like(loss_BT), loss_BT, correct_BT.to(loss_BT), ran_BT.to(loss_BT)]).double()
        for level in hard_BT[hard_BT >= 0].unique().tolist():
            row = figures[:, hard_BT == level].sum(1)
            self._rows[level] = self._rows.get(level, torch.zeros_like(row)) + row
        for name, lowest in (("all", 0), ("hard", 1)):
            x, y = (each[hard_BT >= lowest].double() for each in (hard_BT, ran_BT))
            self._moments[name] += torch.stack([torch.ones_like(x), x, y, x * x, y * y, x * y]).sum(1)

    def result(self) -> dict[str, Any]:
        """by_difficulty: for each level targets, loss, accuracy and modules executed. depth_follows_difficulty: the
        correlation of both over all targets; depth_follows_steps: over those that need a step at all.
        """
        rows = []
        for level in sorted(self._rows):
            count, loss, correct, ran = self._rows[level].tolist()
            means = {"loss": loss / count, "accuracy": correct / count, "executed": ran / count}
            rows.append({"difficulty": level, "targets": int(count), **means})
        both = {name: correlation(*moments.tolist()) for name, moments in self._moments.items()}
        return {
            "by_difficulty": rows,
            "depth_follows_difficulty": both["all"] if self._steps else None,
            "depth_follows_steps": both["hard"] if self._steps else None,
        }


def correlation(n: float, x: float, y: float, xx: float, yy: float, xy: float) -> float | None:
    """Pearson's, from sums; None where one of both never varies."""
    spread = (n * xx - x * x) * (n * yy - y * y)
    return (n * xy - x * y) / math.sqrt(spread) if spread > 1e-9 * (n * xx + 1) * (n * yy + 1) else None

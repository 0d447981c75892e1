"""The `train` block of a file, turned into numbers of train steps and samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.kinds.train import TrainParams
from dnac.text.diagnostic import Faults, InternalError
from dnac.train import errors
from dnac.train.schedules import value

EVALUATIONS = 10
"""Evaluations in a run that does not say how often."""


@dataclass(frozen=True)
class Settings:
    """A run in numbers. Steps are train steps (updates)."""

    train: TrainParams
    total_steps: int
    batch: int
    """Sequences (or images) for each train step, over all micro-batches."""
    micro_batch: int
    tokens_per_step: int
    eval_every: int
    save_every: int
    init_seed: int
    data_seed: int
    routing_seed: int

    def value(self, number: float | Form, step: int) -> float:
        """The value of a number that may be a schedule, for update `step` (from 1)."""
        return value(number, step, self.total_steps, self.tokens_per_step)

    def is_due(self, every: int, step: int) -> bool:
        """Whether something done each `every` steps is due after `step` updates; always at the end."""
        return step % every == 0 or step == self.total_steps


def resolve(train: TrainParams, graph: Graph, samples: int) -> Settings:
    """Numbers for one run on a data set of `samples` samples in an epoch.

    Raises:
        Faults: the batch does not split into its micro-batches, or an amount comes to nothing.
    """
    batch = _count("batch", train.batch, {"sequences": 1.0, "tokens": 1 / graph.tokens})
    if batch % train.accumulate:
        raise Faults(errors.batch_does_not_split(batch, train.accumulate))
    tokens_per_step = batch * graph.tokens
    units = {"steps": 1.0, "tokens": 1 / tokens_per_step, "epochs": samples / batch}
    total = _count("length", train.length, units)
    units |= {"share": float(total)}
    every = _count("eval_every", train.eval_every, units) if train.eval_every else max(1, total // EVALUATIONS)
    return Settings(
        train,
        total_steps=total,
        batch=batch,
        micro_batch=batch // train.accumulate,
        tokens_per_step=tokens_per_step,
        eval_every=every,
        save_every=_count("save_every", train.save_every, units) if train.save_every else every,
        init_seed=_seed(train.init_seed, train.seed),
        data_seed=_seed(train.data_seed, train.seed),
        routing_seed=_seed(train.routing_seed, train.seed),
    )


def _count(field: str, amount: Form, units: dict[str, float]) -> int:
    """An amount in train steps (or sequences), rounded to the nearest whole number; at least 1."""
    number = amount.args[0][1]
    if amount.name not in units:
        raise Faults(errors.unit_does_not_fit(field, amount.name, tuple(units)))
    if not isinstance(number, (int, float)):
        raise InternalError("train.settings", f"{field}: {number!r} is not a number")
    count = math.floor(number * units[amount.name] + 0.5)
    if count < 1:
        raise Faults(errors.amount_is_nothing(field, f"{amount.name}({number:g})"))
    return count


def _seed(own: int | None, common: int) -> int:
    return common if own is None else own

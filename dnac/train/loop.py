"""The train step, written to be read aloud, and the loop around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from dnac.data.base import Batch
from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.lowering.base import BudgetStats, Call, Output, StepStats
from dnac.lowering.device import sent
from dnac.text.diagnostic import Faults
from dnac.train import balance, budgets, errors
from dnac.train.culprit import first_not_finite, running
from dnac.train.distill import Teacher
from dnac.train.guard import Readings, require_finite
from dnac.train.losses import Summed, counted, summed_loss, whole_loss
from dnac.train.optim import held, idle_modules, set_lr
from dnac.train.reward import Reward
from dnac.train.settings import Settings


@dataclass
class Training:
    """Everything one run trains with. `step` counts finished updates."""

    network: nn.Module
    graph: Graph
    optimizer: Optimizer
    settings: Settings
    knobs: tuple[float | Form, ...] = ()
    """Scheduled numbers inside the graph, in the network's order."""
    autocast: torch.dtype | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    step: int = 0
    task_weight: tuple[float | Form, ...] = (1.0,)
    """What multiplies the task's loss: the sum of these."""
    teachers: tuple[Teacher, ...] = ()
    """Networks whose outputs the net shall come near."""
    reward: Reward | None = None
    """What drawn choices earn, where routers learn from that."""
    taps: tuple[tuple[float | Form, ...], ...] = ()
    """What the losses of taps count, in turn (`losses.tap_weights`)."""
    summed: Summed = summed_loss
    """The task loss of a micro-batch before division; compiled where the network is."""

    @property
    def position(self) -> int:
        """Samples consumed since the start of the run."""
        return self.step * self.settings.batch


@dataclass(frozen=True)
class Update:
    """What one train step made. `loss` is the task loss alone."""

    step: int
    loss: float
    router_loss: float
    gradient_norm: float
    lr: float
    counts: tuple[Tensor, ...]
    """Choices per routing step, over micro-batches and ranks; on the CPU."""
    stats: tuple[tuple[StepStats, ...], ...]
    """For each micro-batch."""
    budgets: tuple[tuple[BudgetStats, ...], ...] = ()
    """For each micro-batch."""
    distance: float | None = None
    """Weighted distance from the teachers; None without any."""


def train_step(run: Training, batch: Batch) -> Update:
    """One update from one batch.

    Raises:
        Faults: a number is not finite, or memory is used up; weights, moments and biases are then
            those of the step before.
    """
    step, options = run.step + 1, run.settings.train
    run.optimizer.zero_grad()
    losses, counts, stats, spent = _forward_backward(run, batch, step)
    norm = get_total_norm([p.grad for p in run.network.parameters() if p.grad is not None])
    readings = Readings(losses, norm, stats, counts)
    read = require_finite(step, readings, run.network, run.graph, lambda: _search(run, batch, step))
    if options.clip is not None:
        clip_grads_with_norm_(run.network.parameters(), options.clip, norm)
    lr = run.settings.value(options.lr, step)
    set_lr(run.optimizer, lr, *(run.settings.value(factor, step) for factor in (options.router_lr, options.body_lr)))
    with _rest(run, read.counts):
        run.optimizer.step()
    balance.update(run.network, run.graph, read.counts, lambda number: run.settings.value(number, step))
    budgets.update(run.network, run.graph, read.counts, lambda number: run.settings.value(number, step))
    run.step = step
    distance = read.distance if run.teachers else None
    return Update(step, read.task, read.router, read.gradient_norm, lr, read.counts, stats, spent, distance)


def _forward_backward(
    run: Training, batch: Batch, step: int
) -> tuple[Tensor, tuple[Tensor, ...], tuple[tuple[StepStats, ...], ...], tuple[tuple[BudgetStats, ...], ...]]:
    """Gradients of all micro-batches, summed; [task loss, router loss, distance from teachers]; choices; statistics;
    what budgets saw.
    """
    run.network.train()
    counts, stats, spent = balance.Counts(), [], []
    losses = torch.zeros(3, dtype=torch.float64, device=run.device)
    share = sum(run.settings.value(number, step) for number in run.task_weight)
    whole = counted(batch.targets)
    for micro in micro_batches(batch, run.settings.micro_batch):
        try:
            output, task, beside = _forward(run, micro, step, whole)
            router = output.router_loss / run.settings.train.accumulate
            total = task if share == 1 else task * share
            total = total + router.to(task.dtype)
            (total if beside is None else total + beside.to(task.dtype)).backward()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            accumulate = run.settings.train.accumulate
            where = running(error.__traceback__, run.graph)
            raise Faults(errors.out_of_memory(step, run.settings.micro_batch, accumulate, where)) from error
        apart = torch.zeros_like(task) if beside is None else beside
        losses += torch.stack([x.detach().double() for x in (task, router, apart)])
        counts.add(output.stats)
        stats.append(output.stats)
        spent.append(output.budgets)
    counts.reduce()
    return losses, tuple(counts.steps), tuple(stats), tuple(spent)


def _search(run: Training, batch: Batch, step: int) -> str:
    """Where a forward pass of the batch first gives what is not finite, in words."""
    for micro in micro_batches(batch, run.settings.micro_batch):
        inputs, words = _given(run, micro, step)
        with torch.autocast(run.device.type, run.autocast, enabled=run.autocast is not None):
            if found := first_not_finite(run.network, run.graph, Call(inputs, **words)):
                return found
    return ""


def _given(run: Training, batch: Batch, step: int) -> tuple[Tensor, dict[str, Any]]:
    """What the network is given: inputs, and by name the words of random draws and the scheduled numbers."""
    inputs = sent(batch.inputs, run.device, run.dtype if batch.inputs.is_floating_point() else None)
    return inputs, {
        "seeds": sent(torch.tensor([run.settings.routing_seed, step]), run.device),
        "samples": sent(batch.samples, run.device),
        "knobs": knob_values(run, step),
    }


def _forward(run: Training, batch: Batch, step: int, whole: int) -> tuple[Output, Tensor, Tensor | None]:
    """Outputs, the task's loss, and the weighted distance from all teachers."""
    inputs, words = _given(run, batch, step)
    targets = sent(batch.targets, run.device)
    number = partial(run.settings.value, step=step)
    with torch.autocast(run.device.type, run.autocast, enabled=run.autocast is not None):
        is_read = run.reward is not None or any(each.needs_record for each in run.teachers)
        output = run.network(inputs, record=is_read, **words)
        given = {name: words[name] for name in ("seeds", "samples")}
        found = [each.loss(inputs, output, targets, whole, number, **given) for each in run.teachers]
    smoothing = run.settings.train.label_smoothing
    weights = [number(turns[step % len(turns)]) for turns in run.taps] or None
    if run.reward is not None:
        found.append(run.reward.loss(output, targets, whole, words["knobs"]))
    loss = whole_loss(output, targets, label_smoothing=smoothing, count=whole, summed=run.summed, weights=weights)
    return output, loss, sum(found[1:], found[0]) if found else None


def knob_values(run: Training, step: int) -> Tensor:
    """[n] float64: the scheduled numbers inside the graph at `step`. Values alone change: no recompile."""
    values = [run.settings.value(number, step) for number in run.knobs]
    return sent(torch.tensor(values, dtype=torch.float64), run.device)


def micro_batches(batch: Batch, size: int) -> Iterator[Batch]:
    """The batch in parts of `size` samples."""
    for start in range(0, len(batch.samples), size):
        yield Batch(*(part[start : start + size] for part in batch))


def _is_out_of_memory(error: RuntimeError) -> bool:
    """The CPU allocator has no exception of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _rest(run: Training, counts: Sequence[Tensor]) -> Any:
    """Idle modules stay as they are, where the file says `idle = hold`."""
    if run.settings.train.idle == "decay":
        return nullcontext()
    return held(run.optimizer, run.network, idle_modules(run.graph, counts))

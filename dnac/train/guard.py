"""Numbers that are not finite never reach the weights, and are never hidden.

All that the host must know of a train step is read at once, after the backward pass and before the update: it waits
for the device this one time. Only where a flag is raised is it asked which router or weight it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dnac.ir.graph import Graph
from dnac.lowering.base import StepStats
from dnac.text.diagnostic import Faults
from dnac.train import errors
from dnac.train.culprit import origin_of_weight
from dnac.train.routing import routing_steps


@dataclass(frozen=True)
class Readings:
    """What one train step made, before the update."""

    losses: Tensor
    """[3] float64: task loss, router losses and distance from teachers, over all micro-batches."""
    gradient_norm: Tensor
    stats: Sequence[Sequence[StepStats]]
    """One sequence over routing steps for each micro-batch."""
    counts: Sequence[Tensor] = ()
    """Choices of each routing step, over micro-batches and ranks."""


class Read(NamedTuple):
    """The same on the host, all finite."""

    task: float
    router: float
    distance: float
    gradient_norm: float
    counts: tuple[Tensor, ...]
    """As before, on the CPU."""


def require_finite(step: int, readings: Readings, network: nn.Module, graph: Graph, search: Callable[[], str]) -> Read:
    """What was read, all finite. `search` finds the module where a loss went wrong.

    Raises:
        Faults: a router score, the loss or the gradient norm is not finite; the first of these is named.
    """
    scores = [s.finite for stats in readings.stats for s in stats]
    made = [x.detach().double().reshape(-1) for x in (readings.losses, readings.gradient_norm, *scores)]
    counts = [count.reshape(-1).double() for count in readings.counts]  # whole numbers below 2^53
    host = torch.cat([*made, *counts]).cpu()
    numbers, chosen = host.split([len(host) - sum(map(len, counts)), sum(map(len, counts))])
    task, router, distance, norm, *finite = numbers.tolist()
    if not all(finite):
        where = routing_steps(graph)[finite.index(0.0) % len(readings.stats[0])]
        raise Faults(errors.score_not_finite(step, where, search()))
    if not math.isfinite(task + router):
        raise Faults(errors.loss_not_finite(step, task + router, search()))
    if not math.isfinite(norm):
        weight = _first_bad({n: p.grad for n, p in network.named_parameters() if p.grad is not None})
        raise Faults(errors.gradient_not_finite(step, norm, weight, origin_of_weight(graph, weight)))
    return Read(task, router, distance, norm, chosen.to(torch.int64).split([len(count) for count in counts]))


def require_finite_weights(step: int, network: nn.Module, graph: Graph) -> None:
    """Checked before each save.

    Raises:
        Faults: a weight or a bias is not finite.
    """
    tensors = {n: t for n, t in network.state_dict().items() if t.is_floating_point()}
    if not tensors or bool(torch.stack([t.isfinite().all() for t in tensors.values()]).all()):
        return
    weight = _first_bad(tensors)
    values = tensors[weight].flatten()
    raise Faults(
        errors.weights_not_finite(step, weight, float(values[~values.isfinite()][0]), origin_of_weight(graph, weight))
    )


def _first_bad(tensors: Mapping[str, Tensor]) -> str:
    return next((name for name, t in tensors.items() if not bool(t.isfinite().all())), "all weights together")

"""Numbers that are not finite never reach the weights, and are never hidden.

All flags of a train step are read at once, after the backward pass and before the update; only
where one is raised is it asked which router or weight it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
    """[2] float64: task loss and router losses, over all micro-batches."""
    gradient_norm: Tensor
    stats: Sequence[Sequence[StepStats]]
    """One sequence over routing steps for each micro-batch."""


def require_finite(
    step: int, readings: Readings, network: nn.Module, graph: Graph, search: Callable[[], str]
) -> tuple[float, float, float]:
    """Task loss, router loss and gradient norm, all finite. `search` finds the module where a loss went wrong.

    Raises:
        Faults: a router score, the loss or the gradient norm is not finite; the first of these is named.
    """
    scores = [s.finite for stats in readings.stats for s in stats]
    numbers = torch.stack([x.detach().double() for x in (*readings.losses, readings.gradient_norm, *scores)])
    task, router, norm, *finite = numbers.tolist()
    if not all(finite):
        where = routing_steps(graph)[finite.index(0.0) % len(readings.stats[0])]
        raise Faults(errors.score_not_finite(step, where, search()))
    if not math.isfinite(task + router):
        raise Faults(errors.loss_not_finite(step, task + router, search()))
    if not math.isfinite(norm):
        weight = _first_bad({n: p.grad for n, p in network.named_parameters() if p.grad is not None})
        raise Faults(errors.gradient_not_finite(step, norm, weight, origin_of_weight(graph, weight)))
    return task, router, norm


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

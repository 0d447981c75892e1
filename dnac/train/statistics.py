"""Routing statistics of one train step, for the metrics.

Shapes: M candidates of a routing step, K choices per token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.lowering.base import StepStats
from dnac.train.optim import idle_modules
from dnac.train.routing import RoutingStep, routing_steps

DIGITS = 6
"""Significant digits of shares in the metrics."""


def routing_statistics(graph: Graph, counts: Sequence[Tensor], stats: Sequence[Sequence[StepStats]]) -> dict[str, Any]:
    """The routing part of a line of metrics.

    skip_share: part of all choices that fell on an identity; None where there is no routing.
    dead_modules: modules that no routing step chose for any token of this train step.
    routing: for each routing step's site: router, load (share of choices for each candidate),
    entropy (nats, mean over tokens), mean_weight, skip_share, empty_share, dead (candidates).
    """
    steps = routing_steps(graph)
    choices = [c.tolist() for c in counts]
    means = _means(stats)
    chosen = sum(map(sum, choices))
    skipped = sum(c[slot] for s, c in zip(steps, choices, strict=True) for slot in s.skips)
    return {
        "skip_share": _round(skipped / chosen) if chosen else None,
        "dead_modules": _dead_modules(graph, counts),
        "routing": {
            s.site: _one(s, c, entropy, weight) for s, c, (entropy, weight) in zip(steps, choices, means, strict=True)
        },
    }


def mean_weights(line: Mapping[str, Any]) -> dict[str, float]:
    """Mean weight by site, from a line of metrics; sites at which no token chose anything have none."""
    return {site: entry["mean_weight"] for site, entry in line["routing"].items() if entry["empty_share"] < 1}


def _one(step: RoutingStep, choices: Sequence[int], entropy: float, weight: float) -> dict[str, Any]:
    total = max(sum(choices), 1)
    load = [_round(c / total) for c in choices[:-1]]
    return {
        "router": step.router,
        "load": load,
        "entropy": _round(entropy),
        "mean_weight": _round(weight),
        "skip_share": _round(sum(choices[slot] for slot in step.skips) / total),
        "empty_share": _round(choices[-1] / total),
        "dead": [str(c) for c, n in zip(step.candidates, choices, strict=False) if n == 0],
    }


def _means(stats: Sequence[Sequence[StepStats]]) -> list[tuple[float, float]]:
    """Mean over micro-batches of (entropy, weight) for each routing step."""
    if not stats or not stats[0]:
        return []
    numbers = torch.stack([torch.stack([torch.stack((s.entropy, s.weight)) for s in micro]) for micro in stats])
    return [(entropy, weight) for entropy, weight in numbers.double().mean(0).tolist()]


def _dead_modules(graph: Graph, counts: Sequence[Tensor]) -> list[str]:
    idle = {name: mask.tolist() for name, mask in idle_modules(graph, counts).items()}
    return [
        name if graph.module[name].count is None else f"{name}[{i}]"
        for name, mask in idle.items()
        if not graph.module[name].is_identity
        for i, is_idle in enumerate(mask)
        if is_idle
    ]


def _round(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")

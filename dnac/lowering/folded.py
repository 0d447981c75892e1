"""Routing steps that a pass folded away still report: every token took the one fixed choice.

So statistics and records have one entry per routing step of the graph, at every pass level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.lowering.base import Output, StepRecord, StepStats
from dnac.lowering.device import constant
from dnac.lowering.survey import routing_steps
from dnac.passes import facts
from dnac.schedule.instructions import Schedule
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True)
class Folded:
    """One routing step without code."""

    step: int
    slots: tuple[int, ...]
    """What every token chooses."""
    size: int
    """M, the number of candidates."""


def folded_steps(graph: Graph, schedule: Schedule) -> tuple[Folded, ...]:
    """The routing steps of a graph that its schedule has no code for, in order."""
    present = set(routing_steps(schedule.instructions))
    nodes = (node for node in traits.unrolled(graph.nodes) if isinstance(node, Route))
    return tuple(_folded(graph, node) for node in nodes if node.step not in present)


def with_folded(output: Output, folded: tuple[Folded, ...], batch: int, tokens: int, *, record: bool) -> Output:
    """The output with an entry for each folded step, in order of steps."""
    stats, records = list(output.stats), list(output.record)
    for entry in folded:
        weight = output.router_loss.detach() * 0 + 1
        ids = constant(entry.slots, torch.int64, weight.device).expand(batch, tokens, -1)
        chosen = torch.zeros(entry.size, dtype=weight.dtype, device=weight.device)
        chosen[list(entry.slots)] = 1
        stats.insert(entry.step, _stats(chosen, batch * tokens, weight))
        if record:
            records.insert(entry.step, StepRecord(ids, chosen.expand(batch, tokens, -1), weight.expand(ids.shape), ids))
    return output._replace(stats=tuple(stats), record=tuple(records))


def _folded(graph: Graph, route: Route) -> Folded:
    slots = facts.fixed_choice(graph.router[route.router])
    if slots is None:
        raise InternalError("lowering.folded", f"routing step {route.step} at {route.site} has no code")
    return Folded(route.step, slots, len(route.candidates))


def _stats(chosen: Tensor, count: int, weight: Tensor) -> StepStats:
    counts = torch.cat((chosen, chosen.new_zeros(1))).to(torch.int64) * count
    finite = torch.ones((), dtype=torch.bool, device=weight.device)
    return StepStats(counts, chosen / chosen.sum(), weight, torch.zeros_like(weight), finite)

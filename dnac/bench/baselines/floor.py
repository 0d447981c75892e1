"""`floor`: embed, head, loss and optimizer alone: the time that no routing can save."""

from __future__ import annotations

from dnac.bench.base import Baseline, Program, Task
from dnac.bench.dense import program
from dnac.bench.shape import forward_flops, twin_of


def build(task: Task) -> Program:
    """The two ends of the net, compiled."""
    return program(task, "floor", twin_of(task.graph, with_blocks=False))


def flops(task: Task) -> float:
    """FLOPs of one forward pass of the batch."""
    return task.batch * forward_flops(twin_of(task.graph, with_blocks=False), task.length)


BASELINE = Baseline(
    name="floor",
    summary="embed, head, loss and optimizer alone: what no routing can save",
    build=build,
    flops=flops,
)

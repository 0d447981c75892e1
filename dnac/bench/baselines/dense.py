"""`dense`: a dense transformer of as many block passes per token, as fast as plain torch writes it."""

from __future__ import annotations

from dnac.bench.base import Baseline, Program, Task
from dnac.bench.dense import program
from dnac.bench.shape import forward_flops, twin_of


def build(task: Task) -> Program:
    """The dense twin, compiled."""
    return program(task, "dense", twin_of(task.graph))


def flops(task: Task) -> float:
    """FLOPs of one forward pass of the batch."""
    return task.batch * forward_flops(twin_of(task.graph), task.length)


BASELINE = Baseline(
    name="dense",
    summary="a dense transformer of as many block passes per token, as fast as plain torch writes it",
    build=build,
    flops=flops,
)

"""What is measured: a task, a program for it, and how a baseline makes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dnac.ir.graph import Graph
from dnac.kinds.base import PrecisionKind
from dnac.train.losses import task_loss

Routes = tuple[Tensor, ...] | None
"""Choices [B, T, K] for each routing step, or the router's own."""


class NoBaseline(Exception):
    """A net that a baseline cannot be made for; the message says why, in one line."""


@dataclass(frozen=True)
class Types:
    """Number types of a program."""

    weights: torch.dtype
    """Of parameters, gradients and optimizer state."""
    compute: torch.dtype
    """Of matrix products."""
    stream: torch.dtype
    """Of the residual stream."""

    @classmethod
    def of(cls, precision: PrecisionKind) -> Types:
        """Those that a precision of the language stands for."""
        weights = getattr(torch, precision.dtype)
        compute = getattr(torch, precision.autocast) if precision.autocast else weights
        stream = getattr(precision, "stream", None)
        return cls(weights, compute, getattr(torch, stream) if stream else weights)

    @property
    def autocast(self) -> torch.dtype | None:
        """The type of autocast, where products are narrower than weights."""
        return None if self.compute == self.weights else self.compute


@dataclass(frozen=True)
class Task:
    """One net at one batch on one device."""

    graph: Graph
    batch: int
    device: torch.device
    types: Types
    compile: bool
    lowering: str = "portable"
    seed: int = 0
    choices: Mapping[str, str] | None = None
    """Candidates for lowerings that have any (`Network`)."""
    cuda_graphs: bool = False
    """Whether compiled programs are replayed as CUDA graphs, the baselines' too."""
    tokens: int | None = None
    """Tokens per sequence, if fewer than the context."""

    @property
    def length(self) -> int:
        """T, tokens of the stream for each sequence."""
        return self.tokens or self.graph.tokens


@dataclass
class Program:
    """One way to compute the task's loss. `loss(inputs, targets, routes)` is a scalar that can be differentiated."""

    name: str
    module: nn.Module
    loss: Callable[[Tensor, Tensor, Routes], Tensor]
    facts: dict[str, object] = field(default_factory=dict[str, object])
    """What else is worth knowing, for the report."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """One way to do without dnac; each file of `bench/baselines/` exports one as `BASELINE`.

    `build(task)` makes the program; it raises `NoBaseline` for a net that it cannot serve.
    `flops(task)`: FLOPs of one forward pass, or None where they depend on the routing as the net's own do.
    """

    name: str
    summary: str
    build: Callable[[Task], Program]
    flops: Callable[[Task], float] | None = None
    takes_routes: bool = False


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The loss of a train step where every target counts: the same for all programs."""
    return task_loss(logits, targets, label_smoothing=0.0, count=targets.numel())

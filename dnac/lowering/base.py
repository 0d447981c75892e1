"""What a lowering takes and gives. A lowering turns a schedule into a program: a pure function of
weights and inputs. Torch begins in this layer.

Shapes: B sequences, T tokens, D width, M candidates, K chosen, S routing steps (in order of `step`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from dnac.ir.graph import Graph
from dnac.schedule.instructions import Schedule

if TYPE_CHECKING:
    from dnac.lowering.stepped import Stepped


class StepStats(NamedTuple):
    """What every routing step reports, inside the graph, without a host sync."""

    counts: Tensor
    """[M + 1] choices per candidate slot (int64); the last is the number of empty slots."""
    probs: Tensor
    """[M] mean gate per candidate (detached)."""
    weight: Tensor
    """Mean weight over filled slots (detached scalar)."""
    entropy: Tensor
    """Mean entropy of the gates of a token, nats (detached scalar)."""
    finite: Tensor
    """Whether all scores were finite (bool scalar)."""
    left: Tensor | None = None
    """How many tokens had left before (int64 scalar): their slots are not counted as empty."""


class StepRecord(NamedTuple):
    """The routing record of one step: `forward(..., record=True)`."""

    ids: Tensor
    """[B, T, K] candidate slots, -1 for empty."""
    gates: Tensor
    """[B, T, M] gates over all candidates (float32 or wider)."""
    weights: Tensor
    """[B, T, K] what multiplied the increments."""
    wanted: Tensor
    """[B, T, K] the choices before any limit: forced, they give the same step again, its losses too. -2 (`AWAY`) for
    tokens that had left."""


class BudgetStats(NamedTuple):
    """What a budget saw in one forward pass, in shares of the dearest choice at every covered step (detached)."""

    executed: Tensor
    """Mean executed cost."""
    soft: Tensor
    """Mean of gate times cost: what a budget on soft gates would have seen."""
    over: Tensor
    """How many of those who shall keep to the target are above it (int64)."""
    units: Tensor
    """How many they are: tokens, sequences, or 1 (int64)."""


class TapLoss(NamedTuple):
    """A head's outputs inside the net, and what their loss counts."""

    logits: Tensor
    """[B, T, V], or [B, V] of images."""
    weight: float | Tensor
    """A scalar where taps take turns."""
    share: Tensor | None
    """[B, T] part of each token's loss, which is then taken from that of the net's own outputs; None: all."""


class Output(NamedTuple):
    """The result of a forward pass."""

    logits: Tensor
    """[B, T, V] (text) or [B, classes] (image)."""
    router_loss: Tensor
    """Sum over routers of their balance losses, and of budgets' losses (scalar, 0 where there are none)."""
    stats: tuple[StepStats, ...]
    """One per routing step."""
    record: tuple[StepRecord, ...]
    """One per routing step; empty unless asked for."""
    budgets: tuple[BudgetStats, ...] = ()
    """One per budget, in the order of the graph."""
    taps: tuple[TapLoss, ...] = ()
    """Heads on values inside the net, while training."""


Watch = Callable[..., None]
"""(site, names of the modules, part, stream x, increment d, rows): x and d are [..., D]; `rows` says which rows of a
bank belong to which module and token (`ops_rows.RowSet`); None: they are [B, T, D], all of the one module.
"""


class Call(NamedTuple):
    """Everything a forward pass is given besides weights. All tensors, so values never recompile."""

    inputs: Tensor
    """[B, T] token ids (int64) or [B, height, width, channels] images (float)."""
    routes: tuple[Tensor, ...] | None = None
    """Forced choices: one [B, T, K] of candidate slots per routing step (-1: empty), or None."""
    route_masks: tuple[Tensor, ...] | None = None
    """Added to gates before selection: one [M] per routing step (-inf forbids a candidate)."""
    module_gates: tuple[Tensor, ...] | None = None
    """Multiplies each candidate's increment: one [M] per routing step."""
    seeds: Tensor | None = None
    """[2] int64: (routing seed, train step). At evaluation the step is 0. None: (0, 0)."""
    samples: Tensor | None = None
    """[B] int64: global sample index, for random draws. None: 0..B-1."""
    knobs: Tensor | None = None
    """[n] float64: current values of the scheduled numbers inside the graph, in `Graph` order."""
    decode: bool = False
    """Whether routers choose as while generating, where they say how (`decode`). Another program."""
    watch: Watch | None = None
    """Is told of the increment of every part of every module; of an eager program alone (`train.profile`)."""


class Program(NamedTuple):
    """A lowered network."""

    run: Callable[[Mapping[str, Tensor], Call, bool, bool], Output]
    """(weights and states by state-dict name, call, training, record) -> Output. Pure."""
    lowering: str
    notes: tuple[str, ...] = ()
    """What could not be lowered as asked, each with its spec line."""
    compiler: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = MappingProxyType({})
    """Options of `torch.compile` that this program wants, or what makes them when somebody compiles."""
    stepped: Stepped | None = None
    """The same program in pieces that equal routing steps share."""


@dataclass(frozen=True)
class Options:
    """How a program runs, never what it means beyond its rounding."""

    stream: torch.dtype | None = None
    """Type of the residual stream under autocast; None: that of the weights."""
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    """Group of candidates to the one wanted (`schedule.candidates`); unsaid: the lowering's own."""


@dataclass(frozen=True)
class Lowering:
    """One strategy: the devices and types of weights that it serves, and how it makes a program."""

    name: str
    summary: str
    devices: tuple[str, ...]
    dtypes: tuple[torch.dtype, ...]
    lower: Callable[[Graph, Schedule, Options], Program]

"""A schedule on a device: what each instruction costs there, how it will run, and what batch fits.

Predicted times are a roofline: the longer of FLOPs at the rate that large products reach and bytes at
the rate that large copies reach. Small shapes stay behind it. A train step counts three forward passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dnac.ir.graph import Graph
from dnac.passes.pipeline import optimize
from dnac.schedule import errors
from dnac.schedule.build import build_schedule
from dnac.schedule.candidates import roofline_ms
from dnac.schedule.choices import Choices, choose
from dnac.schedule.cost import Costs
from dnac.schedule.cost_table import CostTable
from dnac.schedule.device import DeviceFacts
from dnac.schedule.instruction_cost import InstructionCost, instruction_costs
from dnac.schedule.instructions import Schedule
from dnac.schedule.memory import USABLE, Memory
from dnac.schedule.types import Types, batch_of, types_of
from dnac.schedule.words import bytes_text
from dnac.semantics.result import CheckedNet
from dnac.text.diagnostic import Diagnostic

PASSES = 3.0
"""A train step in forward passes: the gradients of inputs and of weights are one each."""
ADAMW = 7
"""Times that AdamW touches a number: weight, gradient and two moments are read, all but the gradient written."""
CPU = DeviceFacts("cpu", "cpu")


class Times(NamedTuple):
    """Milliseconds of one instruction over all its turns; None where nothing is known."""

    forward: float | None = None
    training: float | None = None
    measured_forward: float | None = None
    measured_training: float | None = None


@dataclass(frozen=True)
class Outlook:
    """One net at one level on one device."""

    graph: Graph
    """After the passes."""
    schedule: Schedule
    types: Types
    device: DeviceFacts
    table: CostTable | None
    sequences: int
    level: str = "O2"

    @property
    def tokens(self) -> int:
        """Tokens of a micro-batch."""
        return self.sequences * self.graph.tokens

    @cached_property
    def costs(self) -> list[InstructionCost]:
        """FLOPs and bytes of all instructions."""
        return instruction_costs(self.graph, self.schedule, self.types)

    @cached_property
    def memory(self) -> Memory:
        """The memory plan."""
        return Memory(self.graph, self.schedule, Costs(self.graph), self.types)

    @cached_property
    def choices(self) -> Choices:
        """How each instruction runs."""
        return choose(self.graph, self.schedule, self.device, self.types, self.table, self.sequences)

    @cached_property
    def times(self) -> dict[str, Times]:
        """By instruction."""
        return {cost.out: self._times(cost) for cost in self.costs}

    @cached_property
    def fits(self) -> int | None:
        """Sequences that a train step holds at once; None where the device's memory is not known."""
        return None if self.device.memory is None else self.memory.fits(self.device.memory)

    @property
    def optimizer_ms(self) -> float | None:
        """AdamW: what it reads and writes, at the device's bandwidth."""
        return roofline_ms(0.0, ADAMW * self.memory.weights["gradients"], self.types.work, self.device)

    @property
    def loss_bytes(self) -> float:
        """The loss of a micro-batch: logits are read, their softmax is written; backward moves as much."""
        logits = self.memory.moments[-2].size / self.types.size("work")
        return self.sequences * logits * (self.types.size("work") + self.types.size("gate"))

    @property
    def loss_ms(self) -> float | None:
        """The loss, forward and backward, at the device's bandwidth."""
        return roofline_ms(0.0, 2 * self.loss_bytes, self.types.work, self.device)

    @property
    def step_ms(self) -> float | None:
        """A train step of one micro-batch, predicted."""
        return _sum([self.training_ms, self.loss_ms, self.optimizer_ms])

    @property
    def forward_ms(self) -> float | None:
        """A forward pass, predicted."""
        return _sum([t.forward for t in self.times.values()])

    @property
    def training_ms(self) -> float | None:
        """Forward and backward, predicted."""
        return _sum([t.training for t in self.times.values()])

    def diagnostics(self) -> list[Diagnostic]:
        """A warning where not even one sequence fits."""
        memory = self.device.memory
        if memory is None or self.fits != 0:
            return []
        parts = {
            "weights, gradients and optimizer": self.memory.fixed,
            f"activations, most at {self.memory.training.at}": self.memory.training.size,
        }
        largest = max(parts, key=lambda name: parts[name])
        return [
            errors.does_not_fit(
                self.graph.name,
                self.device.name,
                bytes_text(sum(parts.values())),
                bytes_text(int(memory * USABLE)),
                f"{largest}: {bytes_text(parts[largest])}",
            )
        ]

    def _times(self, cost: InstructionCost) -> Times:
        flops, moved = cost.flops.expected * self.tokens, cost.moved.total(self.tokens)
        if not flops and not moved:
            return Times(0.0, 0.0)  # a repeat: its body is counted by itself
        mine = [c for c in self.choices.each if c.out == cost.out]
        work = self.types.work
        return Times(
            roofline_ms(flops, moved, work, self.device),
            roofline_ms(PASSES * flops, PASSES * moved, work, self.device),
            _sum([c.measured_forward_ms for c in mine]) if mine else None,
            _sum([c.measured_ms for c in mine]) if mine else None,
        )


def outlook(
    net: CheckedNet,
    level: str = "O2",
    device: DeviceFacts | None = None,
    costs: CostTable | None = None,
    sequences: int | None = None,
    precision: str | None = None,
) -> Outlook:
    """What there is to know of a net on a device (a CPU of which nothing is known, if none is given)."""
    graph = optimize(net.graph, level)
    chosen = costs.device if costs is not None else device or CPU
    batch = sequences or batch_of(net.train, net.graph.tokens)
    return Outlook(graph, build_schedule(graph), types_of(net.train, precision), chosen, costs, batch, level)


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None

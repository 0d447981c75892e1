"""How much memory a network takes, as far as the spec alone says.

Weights, gradients and AdamW's two moments are exact. Activations of one sequence come from the
memory plan: the values of the schedule and what lives when (`schedule/liveness.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dnac.ir.graph import Graph
from dnac.kinds.declared import buffers
from dnac.schedule import instructions as do
from dnac.schedule.liveness import Life, Peak, forward_peak, kept_for_backward, training_lives, training_peak
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import Types
from dnac.schedule.values import Moment, moments

USABLE = 0.9
"""Share of a device's memory that a batch may count on; the rest is for libraries, workspaces and gaps."""


def weight_bytes(graph: Graph, sizes: Sizes, types: Types) -> dict[str, int]:
    """Bytes of weights by use; `working_copies` are weights in the type of the products, where that differs."""
    count, trained, size = sizes.total_params, sizes.trained_params, types.size("weight")
    return {
        "parameters": size * count,
        "gradients": size * trained,
        "optimizer": 2 * size * trained,
        "router_biases": 4 * sum(size for _, size in buffers(graph)),
        "working_copies": types.size("work") * count if types.work != types.weight else 0,
    }


@dataclass(frozen=True)
class Memory:
    """The memory plan of one schedule in given types."""

    graph: Graph
    schedule: do.Schedule
    sizes: Sizes
    types: Types

    @cached_property
    def moments(self) -> list[Moment]:
        """All instructions in the order in which they run."""
        return moments(self.graph, self.schedule, self.sizes, self.types)

    @cached_property
    def training(self) -> Peak:
        """The most that one sequence holds in a train step."""
        return training_peak(self.moments)

    @cached_property
    def forward(self) -> Peak:
        """The most that one sequence holds in a forward pass without gradients."""
        return forward_peak(self.moments)

    @cached_property
    def weights(self) -> dict[str, int]:
        """What does not depend on the batch: exact bytes by use."""
        return weight_bytes(self.graph, self.sizes, self.types)

    @property
    def fixed(self) -> int:
        """Bytes of training whatever the batch."""
        return sum(self.weights.values())

    def as_json(self) -> dict[str, int]:
        """Bytes by use."""
        return {
            **self.weights,
            "activations_per_sequence": self.training.size,
            "kept_per_sequence": kept_for_backward(self.moments),
            "forward_per_sequence": self.forward.size,
        }

    def lives(self) -> dict[str, dict[str, int | str]]:
        """By instruction: bytes of its value, what it keeps over all turns, and who uses its value last."""
        n = len(self.moments)
        lives = {life.what: life for life in training_lives(self.moments)}
        found: dict[str, dict[str, int | str]] = {}
        for m in self.moments:
            value, inside = lives[m.out], lives[f"{m.out} inside"]
            held = sum(life.size for life in (value, inside) if life.begin < n <= life.end)
            entry = found.setdefault(m.instruction, {"value": m.size, "until": self._until(value), "kept": 0})
            entry["kept"] = int(entry["kept"]) + held
        return found

    def fits(self, memory: int) -> int:
        """How many sequences a train step holds at once on a device with so much memory."""
        free = int(memory * USABLE) - self.fixed
        return max(0, free // max(self.training.size, 1))

    def _until(self, life: Life) -> str:
        n = len(self.moments)
        if life.end < n:
            return self.moments[life.end].instruction
        return f"{self.moments[2 * n - 1 - life.end].instruction} backward"

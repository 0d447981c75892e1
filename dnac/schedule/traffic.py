"""Bytes that an instruction moves in a forward pass: what it reads and what it writes.

Weights are read once per use whatever the batch, everything else per token. By formula, from shapes
and types (`docs/plan.md`): each value is read from memory and written to it once, as one kernel per
operation would; caches and fusion may save some of that, copies in other types add some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from dnac import catalogue
from dnac.ir.graph import Graph, Member, Route
from dnac.kinds.base import EmbedKind, HeadKind, WeightSpec, params_of
from dnac.kinds.router import router_weights
from dnac.passes import facts
from dnac.passes.rewrites.stack_same_kind import banks_of
from dnac.schedule import instructions as do
from dnac.schedule.chance import chances
from dnac.schedule.inside import PartSizes, moved, part_sizes
from dnac.schedule.present import ALL, present
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import Types

ID = 8
"""Bytes of a token id, a choice, a place in an order."""


@dataclass(frozen=True)
class Moved:
    """Bytes: of weights once, of all else per token of the stream (expected choices)."""

    weights: float = 0.0
    per_token: float = 0.0

    def plus(self, other: Moved) -> Moved:
        """The sum."""
        return Moved(self.weights + other.weights, self.per_token + other.per_token)

    def total(self, tokens: int) -> float:
        """All bytes of a batch of so many tokens."""
        return self.weights + self.per_token * tokens


class Traffic:
    """The traffic of one graph's instructions in given types."""

    def __init__(self, sizes: Sizes, types: Types, routes: Mapping[int, Route]) -> None:
        self.sizes, self.graph, self.types, self.routes = sizes, sizes.graph, types, routes
        self._parts: dict[str, tuple[PartSizes, ...]] = {}
        self._chances: dict[int, list[float]] = {}
        self._present = present(self.graph)

    def of(self, i: do.AnyInstruction, new: Mapping[str, str], step: int) -> Moved:
        """One run of an instruction; `new` renames sets, `step` is the routing step it belongs to."""
        row = self.graph.width * self.types.size("stream")
        match i:
            case do.Embed():
                return self._embed(i)
            case do.Head():
                return self._head(i)
            case do.Norm():
                return Moved(self.graph.width * self.types.size("weight"), 2 * row)
            case do.Add():
                return Moved(0.0, (2 + len(i.increments)) * row)
            case do.Dense():
                through = self.module(new.get(i.module.set, i.module.set))
                here = self._present.get(new.get(i.site, i.site), ALL).expected
                return Moved(through.weights, here * through.per_token + (2 * row if i.gate else 0))
            case do.Presence():
                return Moved(0.0, 2.0)
            case do.Tally() | do.Settle():
                return Moved(0.0, 3 * row)
            case do.Tap():
                return Moved()  # while training alone
            case do.Repeat():
                return Moved()
            case _:
                return self._routed(i, row, step)

    def module(self, name: str) -> Moved:
        """One module of a set, for one row."""
        return Moved(self._weights(self.sizes.module_params(name)), self._inside(name))

    def live(self, step: int, slots: tuple[int, ...] | None = None) -> float:
        """Expected rows per token: choices that fall on these slots (None: all that run)."""
        route = self.routes[step]
        if step not in self._chances:
            self._chances[step] = chances(self.graph, route)
        chance, here = self._chances[step], self._present.get(route.site, ALL).expected
        return here * sum(chance[slot] for slot in (route.runs if slots is None else slots))

    def _routed(self, i: do.Route | do.Sort | do.Gather | do.Run | do.Combine, row: int, step: int) -> Moved:
        k = facts.chosen_per_token(self.graph.router[self.routes[step].router])
        gate = self.types.size("gate")
        match i:
            case do.Route():
                size = len(i.candidates)
                return Moved(self._score(i.router), row + 2 * size * gate + k * (ID + gate))
            case do.Sort():
                return Moved(0.0, 3 * ID * k)
            case do.Gather():
                rows = self.live(step, self._slots(step, i.bank))
                return Moved(0.0, rows * (2 * row + ID))
            case do.Run():
                rows = self.live(step, i.make.slots)
                name = i.modules[0].set
                return Moved(self._bank(i.modules), rows * self._inside(name))
            case do.Combine():
                return Moved(0.0, self.live(step) * row + k * (ID + gate) + row)

    def _slots(self, step: int, bank: int) -> tuple[int, ...]:
        route = self.routes[step]
        return (route.banks or banks_of(self.graph, route))[bank].slots

    def _bank(self, members: tuple[Member, ...]) -> float:
        return sum(self._weights(self.sizes.module_params(m.set)) for m in members)

    def _inside(self, name: str) -> int:
        if name not in self._parts:
            self._parts[name] = part_sizes(self.sizes, self.graph.module[name].parts)
        return moved(self._parts[name], self.graph.width, self.types)

    def _weights(self, count: int) -> float:
        return count * self.types.size("work")

    def _score(self, name: str) -> float:
        router = self.graph.router[name]
        specs = router_weights(router.fields, self.graph.width, router.size)
        return sum(prod(spec.shape) for spec in specs) * self.types.size("weight")

    def _embed(self, i: do.Embed) -> Moved:
        """A table is looked up, a row per token; other weights are read whole."""
        form = self.graph.weights[i.weights].kind
        kind: EmbedKind = catalogue.get("embed", form.name)
        specs = kind.weights(params_of(kind, form), self.sizes.source)
        width, stream = self.graph.width, self.types.size("stream")
        looked_up = sum(spec.shape[-1] * self.types.size("weight") + ID for spec in specs if spec.name == "table")
        layer = sum(spec.shape[0] * self.types.size("work") for spec in specs if spec.name == "projection")
        whole = sum(prod(spec.shape) for spec in specs if spec.name != "table")
        return Moved(whole * self.types.size("weight"), looked_up + layer + width * stream)

    def _head(self, i: do.Head) -> Moved:
        form = self.graph.weights[i.weights].kind
        kind: HeadKind = catalogue.get("head", form.name)
        specs = kind.weights(params_of(kind, form), self.graph.width, self.sizes.outputs)
        own = sum(prod(spec.shape) for spec in specs)
        table = _table(self.graph, self.sizes, i.table)
        work, width = self.types.size("work"), self.graph.width
        logits = self.sizes.outputs * work / (1 if self.graph.is_text else self.graph.tokens)
        return Moved(self._weights(own + table), width * (self.types.size("stream") + 2 * work) + logits)


def _table(graph: Graph, sizes: Sizes, name: str | None) -> int:
    """Numbers of the embed's table that a tied head reads."""
    if name is None:
        return 0
    form = graph.weights[name].kind
    kind: EmbedKind = catalogue.get("embed", form.name)
    specs: tuple[WeightSpec, ...] = kind.weights(params_of(kind, form), sizes.source)
    return sum(prod(spec.shape) for spec in specs if spec.name == "table")

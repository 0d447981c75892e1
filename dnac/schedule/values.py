"""How many bytes the values of a schedule take for one sequence, and what is kept for the backward pass.

Shapes are static, so every bank's rows have room for all choices, wherever they fall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dnac.ir.graph import Graph
from dnac.passes import facts
from dnac.schedule import instructions as do
from dnac.schedule.inside import PartSizes, kept, part_sizes, scratch
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import Types
from dnac.schedule.verify import reads

ID = 8
"""Bytes of a choice or a place in an order."""
LOSS = "loss"
"""The last moment of a training step: the loss reads the logits."""


@dataclass(frozen=True)
class Moment:
    """One instruction of one turn, with all that its memory depends on; bytes are for one sequence."""

    out: str
    """Its value; inside a repeat `name@turn`."""
    reads: tuple[str, ...]
    size: int
    """Bytes of its value."""
    gradient: int
    """Bytes of the gradient that arrives for its value (0: none, or the stream's own)."""
    keeps: tuple[str, ...]
    """Values, its own or read ones, that its backward pass needs."""
    inside: int
    """Bytes that it keeps inside for its backward pass."""
    scratch: int
    """Bytes that it needs only while it runs."""
    instruction: str
    """The name of its instruction in the schedule."""


def moments(graph: Graph, schedule: do.Schedule, sizes: Sizes, types: Types) -> list[Moment]:
    """All instructions in the order in which they run, and the loss behind them."""
    found = [*_Unroller(graph, sizes, types).scope(schedule.instructions, {}, "")]
    logits = found[-1]
    loss = _logits(graph, sizes) * types.size("gate")
    return [*found, Moment(LOSS, (logits.out,), 0, 0, (), loss, loss, LOSS)]


def _logits(graph: Graph, sizes: Sizes) -> int:
    return sizes.outputs * (graph.tokens if graph.is_text else 1)


class _Unroller:
    def __init__(self, graph: Graph, sizes: Sizes, types: Types) -> None:
        self.graph, self.sizes, self.types = graph, sizes, types
        self.stream = graph.tokens * graph.width * types.size("stream")
        self.choices: dict[str, int] = {}
        """K of each routing and order."""
        self._parts: dict[str, tuple[PartSizes, ...]] = {}

    def scope(self, scope: Sequence[do.AnyInstruction], names: dict[str, str], mark: str) -> Iterator[Moment]:
        """The instructions of one scope; `names` are values under their names in this turn."""
        for i in scope:
            if isinstance(i, do.Repeat):
                yield from self._repeat(i, names)
            else:
                moment = self._moment(i, names, f"{i.out}{mark}")
                names[i.out] = moment.out
                yield moment

    def _repeat(self, repeat: do.Repeat, names: dict[str, str]) -> Iterator[Moment]:
        x = names.get(repeat.x, repeat.x)
        beside = {taken: names.get(taken, taken) for taken, _, _ in repeat.carried}
        for turn in range(len(repeat.renames)):
            inner = {**names, repeat.x: x, **beside}
            yield from self.scope(repeat.body, inner, f"@{turn}")
            x = inner[repeat.result]
            beside = {taken: inner[given] for taken, given, _ in repeat.carried}
        names[repeat.out] = x
        names |= {out: beside[taken] for taken, _, out in repeat.carried}

    def _moment(self, i: do.AnyInstruction, names: Mapping[str, str], out: str) -> Moment:
        read = tuple(names.get(value, value) for value in reads(i))
        first = read[:1]
        size, gradient, keeps, inside, needs = self.stream, self.stream, (), 0, 0
        match i:
            case do.Norm():
                keeps = first
            case do.Head():
                size = gradient = _logits(self.graph, self.sizes) * self.types.size("work")
                keeps = (*first, out)
            case do.Dense():
                made = self._made(i.module.set)
                inside = self.graph.tokens * kept(made, self.graph.width, self.types)
                needs = self.graph.tokens * scratch(made, self.types)
                keeps, gradient = read, 0
            case do.Presence():
                return Moment(out, read, self.graph.tokens, 0, (), 0, 0, i.out)
            case do.Tally():
                held = 2 * self.graph.tokens * self.types.size("gate") + (self.stream if i.x else 0)
                return Moment(out, read, held, held, read, 0, 0, i.out)
            case do.Tap():
                # of taps that take turns, one in `every` is computed
                logits = -(-_logits(self.graph, self.sizes) * self.types.size("gate") // i.every)
                return Moment(out, read, logits, logits, (*first, out), 0, 0, i.out)
            case do.Route() | do.Sort() | do.Gather() | do.Run() | do.Combine():
                return self._routed(i, read, out)
            case _:
                pass
        return Moment(out, read, size, gradient, keeps, inside, needs, i.out)

    def _routed(
        self, i: do.Route | do.Sort | do.Gather | do.Run | do.Combine, read: tuple[str, ...], out: str
    ) -> Moment:
        tokens, gate = self.graph.tokens, self.types.size("gate")
        match i:
            case do.Route():
                k = self.choices[i.out] = facts.chosen_per_token(self.graph.router[i.router])
                size = tokens * (2 * len(i.candidates) * gate + k * (ID + 2 * gate))
                return Moment(out, read, size, size, (*read, out), 0, 0, i.out)
            case do.Sort():
                k = self.choices[i.out] = self.choices[i.routing]
                return Moment(out, read, tokens * k * 2 * ID, 0, (), 0, 0, i.out)
            case do.Gather():
                rows = self.choices[i.order] * self.stream
                return Moment(out, read, rows, rows, read[1:], 0, 0, i.out)
            case do.Run():
                k, made = self.choices[i.order], self._made(i.modules[0].set)
                inside = k * tokens * kept(made, self.graph.width, self.types)
                needs = k * tokens * scratch(made, self.types)
                return Moment(out, read, k * self.stream, k * self.stream, read, inside, needs, i.out)
            case do.Combine():
                return Moment(out, read, self.stream, 0, read, 0, 0, i.out)

    def _made(self, name: str) -> tuple[PartSizes, ...]:
        if name not in self._parts:
            self._parts[name] = part_sizes(self.sizes, self.graph.module[name].parts)
        return self._parts[name]

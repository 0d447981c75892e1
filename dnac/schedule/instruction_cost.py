"""What each instruction of a schedule costs, in FLOPs and in bytes moved: their sum is that of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.schedule import instructions as do
from dnac.schedule.cost import Costs, Range, same, total
from dnac.schedule.printer import instruction_text
from dnac.schedule.traffic import Moved, Traffic
from dnac.schedule.types import FP32, Types


@dataclass(frozen=True)
class InstructionCost:
    """One instruction, over all turns of the repeat it stands in."""

    out: str
    op: str
    text: str
    turns: int
    flops: Range
    moved: Moved
    depth: int
    """0, or 1 inside a repeat."""


def instruction_costs(graph: Graph, schedule: do.Schedule, types: Types = FP32) -> list[InstructionCost]:
    """All instructions in order, those of a repeat's body behind it."""
    routes = {node.step: node for node in traits.unrolled(graph.nodes) if isinstance(node, Route)}
    costs = Costs(graph)
    counter = _Counter(costs, routes, Traffic(costs, types, routes))
    return [*_scope(counter, schedule.instructions, ({},), (0,), 0)]


@dataclass(frozen=True)
class _Counter:
    costs: Costs
    routes: Mapping[int, Route]
    traffic: Traffic


def _scope(
    counter: _Counter,
    scope: Sequence[do.AnyInstruction],
    turns: Sequence[Mapping[str, str]],
    shifts: Sequence[int],
    depth: int,
) -> Iterator[InstructionCost]:
    steps = {i.out: i.step for i in scope if isinstance(i, do.Route)}
    places = step_places(scope)
    for instruction in scope:
        flops = total(_flops(counter, instruction, t, s, steps) for t, s in zip(turns, shifts, strict=True))
        moved = Moved()
        for new, shift in zip(turns, shifts, strict=True):
            moved = moved.plus(counter.traffic.of(instruction, new, places.get(instruction.out, 0) + shift))
        op = type(instruction).__name__.lower()
        yield InstructionCost(instruction.out, op, instruction_text(instruction), len(turns), flops, moved, depth)
        if isinstance(instruction, do.Repeat):
            inner = [dict(new) for new in instruction.renames]
            further = [step - instruction.steps[0] for step in instruction.steps]
            yield from _scope(counter, instruction.body, inner, further, depth + 1)


def step_places(scope: Sequence[do.AnyInstruction]) -> dict[str, int]:
    """The routing step of each routed instruction of a scope, by its value; of the first turn."""
    found: dict[str, int] = {}
    for i in scope:
        match i:
            case do.Route():
                found[i.out] = i.step
            case do.Sort() | do.Run() | do.Combine():
                found[i.out] = found[i.routing]
            case do.Gather():
                found[i.out] = found[i.order]
            case _:
                pass
    return found


def _flops(
    counter: _Counter, i: do.AnyInstruction, new: Mapping[str, str], shift: int, steps: Mapping[str, int]
) -> Range:
    costs = counter.costs
    match i:
        case do.Embed():
            return same(costs.embed_flops(i.weights))
        case do.Head():
            return same(costs.head_flops(i.weights))
        case do.Dense():
            return costs.step_flops(new.get(i.module.set, i.module.set), new.get(i.site, i.site))
        case do.Route():
            return same(costs.route(counter.routes[i.step + shift]).router)
        case do.Run():
            slots = costs.route(counter.routes[steps[i.routing] + shift]).slots
            return total(slots[slot] for slot in i.make.slots)
        case _:
            return Range()

"""What each instruction of a schedule costs: their sum is the cost of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.schedule import instructions as do
from dnac.schedule.cost import Costs, Range, same, total
from dnac.schedule.printer import instruction_text


@dataclass(frozen=True)
class InstructionCost:
    """One instruction, over all turns of the repeat it stands in."""

    out: str
    op: str
    text: str
    turns: int
    flops: Range


def instruction_costs(graph: Graph, schedule: do.Schedule) -> list[InstructionCost]:
    """All instructions in order, those of a repeat's body behind it."""
    routes = {node.step: node for node in traits.unrolled(graph.nodes) if isinstance(node, Route)}
    return [*_scope(_Counter(Costs(graph), routes), schedule.instructions, ({},), (0,))]


@dataclass(frozen=True)
class _Counter:
    costs: Costs
    routes: Mapping[int, Route]


def _scope(
    counter: _Counter, scope: Sequence[do.AnyInstruction], turns: Sequence[Mapping[str, str]], shifts: Sequence[int]
) -> Iterator[InstructionCost]:
    steps = {i.out: i.step for i in scope if isinstance(i, do.Route)}
    for instruction in scope:
        flops = total(_flops(counter, instruction, t, s, steps) for t, s in zip(turns, shifts, strict=True))
        op = type(instruction).__name__.lower()
        yield InstructionCost(instruction.out, op, instruction_text(instruction), len(turns), flops)
        if isinstance(instruction, do.Repeat):
            inner = [dict(new) for new in instruction.renames]
            moved = [step - instruction.steps[0] for step in instruction.steps]
            yield from _scope(counter, instruction.body, inner, moved)


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
            return same(costs.module_flops(new.get(i.module.set, i.module.set)))
        case do.Route():
            return same(costs.route(counter.routes[i.step + shift]).router)
        case do.Run():
            slots = costs.route(counter.routes[steps[i.routing] + shift]).slots
            return total(slots[slot] for slot in i.make.slots)
        case _:
            return Range()

"""What a schedule holds, asked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dnac.ir.graph import Graph
from dnac.passes import facts
from dnac.schedule import instructions as do


def routing_steps(instructions: Iterable[do.AnyInstruction]) -> Iterator[int]:
    """The routing steps that have code, every turn of a region by itself."""
    for i in instructions:
        if isinstance(i, do.Route):
            yield i.step
        elif isinstance(i, do.Repeat):
            yield from (s - i.steps[0] + first for first in i.steps for s in routing_steps(i.body))


def names(i: do.AnyInstruction) -> Iterator[str]:
    """Sites, modules and shared sets that an instruction names."""
    match i:
        case do.Embed() | do.Norm() | do.Head() | do.Tap():
            yield i.weights
        case do.Dense():
            yield from (i.site, str(i.module))
        case do.Route():
            yield from (i.site, *((i.head[0],) if i.head else ()))
        case do.Run():
            yield from (i.site, *map(str, i.modules))
        case _:
            return


def sets_read(instructions: Iterable[do.AnyInstruction], renames: Mapping[str, str] | None = None) -> Iterator[str]:
    """Names of all sets of weights that the instructions use."""
    new = renames or {}
    for i in instructions:
        match i:
            case do.Embed() | do.Norm():
                found = [i.weights]
            case do.Head():
                found = [i.weights, *([i.table] if i.table else [])]
            case do.Dense():
                found = [i.module.set]
            case do.Route():
                found = [i.router, *(name for name in i.head or () if name)]
            case do.Tap():
                found = [i.weights, *([i.table] if i.table else [])]
            case do.Run():
                found = [m.set for m in i.modules]
            case do.Repeat():
                found = [name for turn in i.renames for name in sets_read(i.body, dict(turn))]
            case _:
                found = []
        yield from (new.get(name, name) for name in found)


def banks(instructions: Iterable[do.AnyInstruction]) -> Iterator[str]:
    """Names of the sets whose modules run as banks; those of a region's first turn stand for all."""
    for i in instructions:
        if isinstance(i, do.Run):
            yield from dict.fromkeys(member.set for member in i.modules)
        elif isinstance(i, do.Repeat):
            yield from banks(i.body)


def renamed(name: str, renames: Mapping[str, str]) -> str:
    """A site or a module under its name in this turn: `experts[0].ffn[3]` is renamed by its set."""
    if name in renames:
        return renames[name]
    head, bracket, tail = name.rpartition("[")
    return f"{renames[head]}{bracket}{tail}" if head in renames else name


def routers_of_values(instructions: Iterable[do.AnyInstruction]) -> Iterator[tuple[str, str]]:
    """(routing value, its router)."""
    for i in instructions:
        if isinstance(i, do.Route):
            yield i.out, i.router
        elif isinstance(i, do.Repeat):
            yield from routers_of_values(i.body)


def leaving(instructions: Iterable[do.AnyInstruction]) -> Iterator[str]:
    """Routing values by which tokens may leave."""
    for i in instructions:
        if isinstance(i, do.Presence) and i.leaves:
            yield i.routing
        elif isinstance(i, do.Repeat):
            yield from leaving(i.body)


def weighs(instructions: Iterable[do.AnyInstruction]) -> bool:
    """Whether chances to leave weigh streams or losses."""
    return any(_weighs(i) for i in instructions)


def _weighs(i: do.AnyInstruction) -> bool:
    match i:
        case do.Tally():
            return bool(i.x)
        case do.Tap():
            return bool(i.tally)
        case do.Repeat():
            return weighs(i.body)
        case _:
            return False


def routings_of_orders(instructions: Iterable[do.AnyInstruction]) -> Iterator[tuple[str, str]]:
    """(order, the routing value that it sorts)."""
    for i in instructions:
        if isinstance(i, do.Sort):
            yield i.out, i.routing
        elif isinstance(i, do.Repeat):
            yield from routings_of_orders(i.body)


def bank_ranks(instructions: Iterable[do.AnyInstruction]) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
    """((order, bank), (first module, number of modules)) in the order that the sort makes."""
    sizes: dict[str, int] = {}
    for i in instructions:
        if isinstance(i, do.Run):
            first = sizes.get(i.order, 0)
            sizes[i.order] = first + len(i.modules)
            yield (i.order, i.bank), (first, len(i.modules))
        elif isinstance(i, do.Repeat):
            yield from bank_ranks(i.body)


def mixing_banks(graph: Graph, instructions: Iterable[do.AnyInstruction]) -> dict[str, tuple[str, ...]]:
    """Of each routing value, the runs in order whose modules let tokens see one another."""
    found: dict[str, tuple[str, ...]] = {}
    for i in instructions:
        if isinstance(i, do.Repeat):
            found |= mixing_banks(graph, i.body)
        elif isinstance(i, do.Run) and facts.mixes_tokens(graph, i.modules[0]):
            found[i.routing] = (*found.get(i.routing, ()), i.out)
    return found

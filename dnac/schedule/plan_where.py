"""Where parameters, FLOPs, memory and time of a net go: a line per set of weights, for people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dnac.ir import traits
from dnac.ir.graph import (
    Apply,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    ModuleSet,
    Node,
    Norm,
    Presence,
    Region,
    Route,
    Settle,
    Tally,
    Tap,
)
from dnac.schedule import instructions as do
from dnac.schedule.cost import Costs
from dnac.schedule.outlook import Outlook
from dnac.schedule.words import share_text

DISPATCH, ADAMW = ("", "dispatch and sums"), ("", "AdamW")
Name = tuple[str, str]
"""Role and name of a line; sets that differ in an index alone share a line."""


@dataclass
class Line:
    """One line of the table of weights: sets that differ in an index alone."""

    TITLES = ("", "", "uses", "sets", "modules", "parameters", "FLOPs", "kept", "time", "")

    role: str
    name: str
    sets: list[str] = field(default_factory=list[str])
    uses: int = 0
    modules: int = 0
    params: int = 0
    idle: str = ""
    """What it is instead of work: an identity, an exit."""

    def row(self, shares: Sequence[str]) -> tuple[str, ...]:
        """The cells under `TITLES`; `shares` of FLOPs, activations and time."""
        modules = str(self.modules) if self.modules else ""
        if self.idle:
            note = self.idle
        else:
            note = f"{self.params // self.modules:,} each" if self.modules > 1 else ""
        return (self.role, self.name, str(self.uses), str(len(self.sets)), modules, f"{self.params:,}", *shares, note)


@dataclass
class _Spent:
    """What falls on each line, by name."""

    flops: defaultdict[Name, float] = field(default_factory=lambda: defaultdict(float))
    kept: defaultdict[Name, float] = field(default_factory=lambda: defaultdict(float))
    time: defaultdict[Name, float] = field(default_factory=lambda: defaultdict(float))

    def shares(self, name: Name) -> tuple[str, ...]:
        """Of the whole, in percent."""
        return tuple(share_text(part[name], sum(part.values())) for part in (self.flops, self.kept, self.time))


def where_it_goes(graph: Graph, costs: Costs, view: Outlook) -> list[tuple[str, ...]]:
    """The rows under `Line.TITLES`: parameters, uses, and shares of a train step."""
    routed = {m.set for n in traits.unrolled(graph.nodes) if isinstance(n, Route) for m in (*n.candidates, *n.always)}
    spent = _spent(view, routed)
    rows = [line.row(spent.shares((line.role, line.name))) for line in _lines(graph, costs, routed)]
    for name in (DISPATCH, ADAMW):
        if any(spent.shares(name)):
            rows.append((*name, "", "", "", "", *spent.shares(name), ""))
    return rows


def _lines(graph: Graph, costs: Costs, routed: set[str]) -> Iterable[Line]:
    uses = _uses(graph)
    lines: dict[Name, Line] = {}

    def add(role: str, name: str, params: int, modules: int = 0, idle: str = "") -> None:
        pattern = _pattern(name)
        line = lines.setdefault((role, pattern), Line(role, pattern, idle=idle))
        line.sets.append(name)
        line.uses += uses.get(name, 0)
        line.modules += modules
        line.params += params

    for shared in (s for s in graph.shared if s.role == "embed"):
        add("embed", shared.name, costs.params[shared.name])
    for m in graph.modules:
        add(_role(m.name, routed), m.name, costs.params[m.name], m.count or 1, _idle(m))
    for router in graph.routers:
        add("router", router.name, costs.router_params[router.name])
    for shared in (s for s in graph.shared if s.role != "embed"):
        add(shared.role, shared.name, costs.params[shared.name])
    return lines.values()


def _idle(entry: ModuleSet) -> str:
    after = entry.parts[0].kind.get("after") if entry.exits else None
    if after is not None:
        return f"exit after {after} turns" if isinstance(after, int) else "exit after 1, 2, ... turns"
    if entry.exits:
        return f"exit of the {entry.exits}"
    return "identity" if entry.is_identity else ""


def _spent(view: Outlook, routed: set[str]) -> _Spent:
    """FLOPs, activations and predicted time of a train step, each at the weights that need them."""
    spent, lives = _Spent(), view.memory.lives()
    instructions = dict(_instructions(view.schedule.instructions))
    for cost in view.costs:
        owners = _owners(instructions[cost.out], routed)
        kept, time = int(lives.get(cost.out, {}).get("kept", 0)), view.times[cost.out].training or 0.0
        for name in owners:
            spent.flops[name] += cost.flops.expected / len(owners)
            spent.kept[name] += kept / len(owners)
            spent.time[name] += time / len(owners)
    head = next((i.weights for i in instructions.values() if isinstance(i, do.Head)), "")
    spent.kept["head", _pattern(head)] += int(lives["loss"]["kept"])
    spent.time["head", _pattern(head)] += view.loss_ms or 0.0
    spent.time[ADAMW] += view.optimizer_ms or 0.0
    return spent


def _instructions(scope: Sequence[do.AnyInstruction]) -> Iterator[tuple[str, do.AnyInstruction]]:
    for i in scope:
        yield i.out, i
        if isinstance(i, do.Repeat):
            yield from _instructions(i.body)


def _owners(i: do.AnyInstruction, routed: set[str]) -> list[Name]:
    """The lines that an instruction's cost falls on, a module of a bank each its part."""
    match i:
        case do.Embed():
            return [("embed", _pattern(i.weights))]
        case do.Norm():
            return [("norm", _pattern(i.weights))]
        case do.Head():
            return [("head", _pattern(i.weights))]
        case do.Dense():
            return [(_role(i.module.set, routed), _pattern(i.module.set))]
        case do.Route():
            return [("router", _pattern(i.router))]
        case do.Run():
            return [(_role(m.set, routed), _pattern(m.set)) for m in i.modules]
        case _:
            return [DISPATCH]


def _role(name: str, routed: set[str]) -> str:
    return "pool" if name in routed else "module"


def _pattern(name: str) -> str:
    return re.sub(r"\[\d+\]", "[]", name)


def _uses(graph: Graph) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in traits.unrolled(graph.nodes):
        for name in {*_sets(node)}:
            found[name] = found.get(name, 0) + 1
    return found


def _sets(node: Node) -> Iterable[str]:
    match node:
        case Embed() | Norm():
            return (node.weights,)
        case Head():
            return (node.weights, *((node.table,) if node.table else ()))
        case Apply():
            return (node.module.set,)
        case Route():
            members: tuple[Member, ...] = (*node.candidates, *node.always)
            return (node.router, *(m.set for m in members))
        case Tap():
            return ()
        case Join() | Presence() | Tally() | Settle() | Region():
            return ()

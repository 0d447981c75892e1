"""What passes, reports and the schedule may ask about nodes, without knowing any kind.

Each function matches the closed set of nodes, so that a new sort of node breaks the type check in
every place that must know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from dnac.ir.graph import (
    Apply,
    Embed,
    Graph,
    Head,
    Join,
    Member,
    Node,
    Norm,
    Part,
    Presence,
    Region,
    Route,
    Settle,
    Tally,
    Tap,
    turns_of,
)


def inputs(node: Node) -> tuple[str, ...]:
    """The values that a node reads, the stream first where it reads one."""
    match node:
        case Embed():
            return ()
        case Norm() | Head():
            return (node.x,)
        case Region():
            return (node.x, *(taken for taken, _, _ in node.carried))
        case Apply() | Route():
            beside = (node.away, node.tally if isinstance(node, Route) else "")
            return (node.x, node.view, *(value for value in beside if value))
        case Presence():
            return tuple(value for value in (node.away, node.route) if value)
        case Tally():
            return tuple(value for value in (node.before, node.route, node.x) if value)
        case Settle() | Tap():
            return (node.x, *((node.tally,) if node.tally else ()))
        case Join():
            return (node.x, *(value for branch in node.branches for value in branch))
        case _:
            assert_never(node)


def reading(node: Node, values: Mapping[str, str]) -> Node:
    """The same node, reading `values[v]` wherever it read `v`."""

    def new(value: str) -> str:
        return values.get(value, value)

    match node:
        case Embed():
            return node
        case Norm() | Head():
            return replace(node, x=new(node.x))
        case Region():
            return replace(node, x=new(node.x), carried=tuple((new(a), b, c) for a, b, c in node.carried))
        case Apply():
            return replace(node, x=new(node.x), view=new(node.view), away=new(node.away))
        case Route():
            return replace(node, x=new(node.x), view=new(node.view), away=new(node.away), tally=new(node.tally))
        case Presence() | Tally() | Settle() | Tap():
            names = [name for name in ("away", "route", "before", "x", "tally") if hasattr(node, name)]
            return replace(node, **{name: new(getattr(node, name)) for name in names})
        case Join():
            return replace(node, x=new(node.x), branches=tuple(tuple(map(new, b)) for b in node.branches))
        case _:
            assert_never(node)


def named(node: Node) -> tuple[str, ...]:
    """Weights, routers and sites that a node names, by place: nodes of one shape agree place by place."""
    match node:
        case Embed() | Norm():
            return (node.weights,)
        case Head() | Tap():
            return (node.weights, *((node.table,) if node.table else ()))
        case Apply():
            return (node.module.set, *((node.gate[0],) if node.gate else ()), *((node.site,) if node.site else ()))
        case Route():
            return (node.router, node.site, *(m.set for m in (*node.candidates, *node.always)))
        case Join() | Presence() | Tally() | Settle():
            return ()
        case Region():
            return tuple(name for inner in node.body for name in named(inner))
        case _:
            assert_never(node)


def names(node: Node) -> tuple[str, ...]:
    """What a node names, each once."""
    return tuple(dict.fromkeys(named(node)))


def renamed(node: Node, new: Mapping[str, str], steps: int = 0) -> Node:
    """The node with other weights, routers and sites, its routing step moved on by `steps`."""

    def member(old: Member) -> Member:
        return Member(new.get(old.set, old.set), old.index)

    match node:
        case Embed() | Norm() | Head() | Tap():
            return replace(node, weights=new.get(node.weights, node.weights))
        case Apply():
            gate = (new.get(node.gate[0], node.gate[0]), node.gate[1]) if node.gate else None
            return replace(node, module=member(node.module), gate=gate, site=new.get(node.site, node.site))
        case Route():
            return replace(
                node,
                router=new.get(node.router, node.router),
                site=new.get(node.site, node.site),
                step=node.step + steps,
                candidates=tuple(map(member, node.candidates)),
                always=tuple(map(member, node.always)),
            )
        case Join() | Presence() | Tally() | Settle():
            return node
        case Region():
            raise TypeError("regions are not nested")
        case _:
            assert_never(node)


def turns(region: Region) -> Iterator[tuple[Node, ...]]:
    """The body of each turn with that turn's weights, sites and routing steps; values keep their names."""
    for new, step in zip(region.renames, region.steps, strict=True):
        table = dict(new)
        yield tuple(renamed(node, table, step - region.steps[0]) for node in region.body)


def unrolled(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes as they run, each turn of a region written out (values keep the first turn's names)."""
    for node in nodes:
        if isinstance(node, Region):
            for body in turns(node):
                yield from body
        else:
            yield node


def parts(graph: Graph, member: Member) -> tuple[Part, ...]:
    """The parts of one module; none: identity."""
    return graph.module[member.set].parts


def is_identity(graph: Graph, member: Member) -> bool:
    """Whether a module leaves the stream as it is."""
    return graph.module[member.set].is_identity


def exits(graph: Graph, member: Member) -> str:
    """`loop` or `net`: what a token leaves that chooses the module; empty for all but exits."""
    return graph.module[member.set].exits


def owners(graph: Graph, set_name: str) -> tuple[str, ...]:
    """The sets whose weights a set has: its own, and those that it chains."""
    known = graph.module.get(set_name)
    return (set_name, *dict.fromkeys(part.of[0] for part in known.parts if part.of)) if known else (set_name,)


def turns_chosen(graph: Graph, member: Member) -> int | None:
    """Of a way out that is chosen in front of a loop: after how many turns; None for all others."""
    return turns_of(graph.module[member.set].parts, member.index)


def leaves(graph: Graph, route: Route) -> tuple[int, ...]:
    """Candidate slots of exits."""
    return tuple(slot for slot, member in enumerate(route.candidates) if exits(graph, member))


def is_stream(node: Node) -> bool:
    """Whether the node's value is a stream: not a view of one, and nothing that stands beside it."""
    return not isinstance(node, (Norm, *BESIDE))


BESIDE = (Presence, Tally, Tap)
"""Nodes whose values are beside the stream: who is here, what was given out, a loss."""


def last_stream(nodes: Iterable[Node]) -> Node:
    """The node whose value is the stream behind them all."""
    return [node for node in nodes if is_stream(node)][-1]


def make(graph: Graph, name: str) -> object:
    """What a name stands for, without the name: modules, router or shared weights; a bare site: nothing."""
    module, router, shared = graph.module.get(name), graph.router.get(name), graph.weights.get(name)
    return (
        module and (module.count, module.parts),
        router and (router.size, router.fields),
        shared and (shared.role, shared.kind),
    )


def slots_of(route: Route, member: str | None) -> tuple[int, ...]:
    """Candidate slots of the pool member called `member` (`skip` or `nodes.skip`)."""
    return tuple(i for i, c in enumerate(route.candidates) if member in (c.set, c.set.rpartition(".")[2]))

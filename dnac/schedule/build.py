"""Graph to schedule: what runs, in order, with every intermediate value named.

A node `h2` becomes values `h2.routing`, `h2.order`, `h2.rows0`, `h2.run0`, `h2.increment` and at
last the stream `h2`. A stream that nobody reads (inside a branch of a join) is not made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Join, Node, Norm, Presence, Region, Route, Settle, Tally, Tap
from dnac.passes import facts
from dnac.passes.rewrites.stack_same_kind import banks_of
from dnac.schedule import instructions as do
from dnac.schedule.verify import reads, verify_schedule


def build_schedule(graph: Graph) -> do.Schedule:
    """All instructions of a graph; routes without banks are stacked on the way.

    Raises:
        InternalError: the schedule breaks one of its own rules.
    """
    builder = _Builder(graph)
    builder.nodes(graph.nodes)
    schedule = do.Schedule(graph.name, tuple(builder.made), graph.nodes[-1].id)
    verify_schedule(schedule)
    return schedule


class _Builder:
    def __init__(self, graph: Graph, streams: dict[str, str] | None = None) -> None:
        self.graph = graph
        self.made: list[do.AnyInstruction] = []
        self.streams = streams or {}
        """Node id to the value that holds its stream (a route without work makes none)."""
        self.increments: dict[str, tuple[str, ...]] = {}
        self.routings: dict[str, str] = {}
        """Router to its last routing value."""
        self.chosen: dict[str, str] = {}
        """Routing step to its routing value."""

    def nodes(self, nodes: tuple[Node, ...]) -> None:
        read = _read_as_stream(nodes)
        for node in nodes:
            self._node(node, node.id in read)
        taken = {value for made in self.made for value in reads(made)}
        # the norm of a pool whose members are identities
        self.made = [made for made in self.made if not isinstance(made, do.Norm) or made.out in taken]

    def _node(self, node: Node, is_read: bool) -> None:
        at = node.origin
        match node:
            case Embed():
                self.made.append(do.Embed(node.id, node.weights, origin=at))
            case Norm():
                self.made.append(do.Norm(node.id, self._value(node.x), node.weights, origin=at))
            case Head():
                self.made.append(do.Head(node.id, self._value(node.x), node.weights, node.table, origin=at))
            case Apply():
                self._change(node, self._apply(node), is_read)
            case Route():
                self._change(node, self._route(node), is_read)
            case Join():
                found = (self.increments[value] for branch in node.branches for value in branch)
                self._change(node, tuple(name for names in found for name in names), is_read)
            case Presence() | Tally() | Settle() | Tap():
                self.made.append(self._beside(node))
            case Region():
                self._region(node)
            case _:
                assert_never(node)

    def _beside(self, node: Presence | Tally | Settle | Tap) -> do.AnyInstruction:
        at = node.origin
        match node:
            case Presence():
                routing = self.chosen[node.route] if node.route else ""
                return do.Presence(node.id, node.away, routing, node.leaves, node.back, origin=at)
            case Tally():
                routing, x = self.chosen[node.route] if node.route else "", self._value(node.x)
                return do.Tally(node.id, node.before, routing, x, origin=at)
            case Settle():
                return do.Settle(node.id, self._value(node.x), node.tally, origin=at)
            case Tap():
                x = self._value(node.x)
                return do.Tap(node.id, x, node.weights, node.table, node.weight, node.tally, node.every, origin=at)

    def _value(self, node: str) -> str:
        return self.streams.get(node, node)

    def _change(self, node: Apply | Route | Join, increments: tuple[str, ...], is_read: bool) -> None:
        self.increments[node.id] = increments
        if not increments:
            self.streams[node.id] = self._value(node.x)
        elif is_read:
            self.made.append(do.Add(node.id, self._value(node.x), increments, origin=node.origin))

    def _apply(self, node: Apply) -> tuple[str, ...]:
        if traits.is_identity(self.graph, node.module):
            return ()
        gate = (self.routings[node.gate[0]], node.gate[1]) if node.gate else None
        out = f"{node.id}.increment"
        x, at = self._value(node.view), node.origin
        self.made.append(do.Dense(out, x, node.module, node.site, gate, origin=at, away=node.away, copied=node.copied))
        return (out,)

    def _route(self, node: Route) -> tuple[str, ...]:
        view = self._value(node.view)
        out = self.chosen[node.id] = self.routings[node.router] = f"{node.id}.routing"
        k = facts.chosen_per_token(self.graph.router[node.router])
        # members read the pool's own norm; the router does where it says so
        read = view if facts.reads_norm(self.graph.router[node.router]) else self._value(node.x)
        at, names = node.origin, (node.router, node.site, node.step, node.candidates)
        made = do.Route(out, read, *names, k, carries=node.carries, away=node.away, origin=at)
        self.made.append(replace(made, tally=node.tally, head=self._asked(node)))
        work = [i for i, module in enumerate(node.always) if not traits.is_identity(self.graph, module)]
        shared = tuple(self._always(node, i) for i in work)
        return (*shared, self._dispatch(node, view, out)) if node.runs else shared

    def _asked(self, node: Route) -> tuple[str, str | None] | None:
        """The head that the router's score asks."""
        name = facts.asked_head(self.graph.router[node.router])
        if name is None:
            return None
        end = next(n for n in self.graph.nodes if isinstance(n, Head))
        return name, end.table

    def _always(self, node: Route, i: int) -> str:
        out = f"{node.id}.always{i}"
        x, at = self._value(node.view), node.origin
        self.made.append(do.Dense(out, x, node.always[i], node.site, origin=at, away=node.away))
        return out

    def _dispatch(self, node: Route, view: str, routing: str) -> str:
        at, order = node.origin, f"{node.id}.order"
        banks = node.banks or banks_of(self.graph, node)
        runs = tuple(slot for bank in banks for slot in bank.slots)
        self.made.append(do.Sort(order, routing, runs, node.skips, origin=at))
        done: list[str] = []
        for i, bank in enumerate(banks):
            rows, out = f"{node.id}.rows{i}", f"{node.id}.run{i}"
            modules = tuple(node.candidates[slot] for slot in bank.slots)
            self.made.append(do.Gather(rows, view, order, i, origin=at))
            self.made.append(do.Run(out, rows, routing, order, i, modules, bank, node.site, origin=at))
            done.append(out)
        increment = f"{node.id}.increment"
        self.made.append(do.Combine(increment, routing, order, tuple(done), origin=at))
        return increment

    def _region(self, node: Region) -> None:
        x = self._value(node.x)
        inner = _Builder(self.graph, {node.x: x})
        inner.nodes((*node.body,))
        result = inner._value(traits.last_stream(node.body).id)
        body, turns = tuple(inner.made), (node.renames, node.steps, node.carried)
        self.made.append(do.Repeat(node.id, x, body, result, *turns, origin=node.origin))


def _read_as_stream(nodes: Iterable[Node]) -> set[str]:
    """Nodes whose stream somebody reads; the last one's is the result."""
    listed = list(nodes)
    read = {traits.last_stream(listed).id}
    for node in (node for node in listed if not isinstance(node, Presence)):
        if isinstance(node, Tally):
            read.update({node.x} - {""})
            continue
        read.update(traits.inputs(node)[:1] if isinstance(node, Join) else traits.inputs(node))
    return read

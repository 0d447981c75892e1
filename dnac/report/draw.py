"""From a graph to its diagram: walk the folded nodes once and put down boxes, frames and edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dnac.ir.form import Form
from dnac.ir.graph import Apply, Embed, Graph, Head, Member, Route
from dnac.report import words
from dnac.report.diagram import Box, Diagram, Edge, Frame
from dnac.report.fold import Branches, Item, Single, Turns, flat, fold, stem

Loads = Mapping[str, Sequence[float]]
"""Site of a routing step (`hop[17]`) to the measured part of its choices per candidate slot."""

Bundle = Sequence[Sequence[Item]]
"""The same items in every turn that is being drawn: `bundle[turn][place]`."""


def draw(graph: Graph, caption: tuple[str, ...] = (), loads: Loads | None = None) -> Diagram:
    """The diagram of a graph as elaborated. With `loads`, edges and modules carry measured shares."""
    items = fold(graph)
    drawing = _Drawing(graph, loads or {})
    placed, _ = drawing.place([items], "input")
    return Diagram(graph.name, caption, (drawing.input(), *placed), tuple(drawing.edges))


def _pool(member: Member) -> str:
    """`nodes.block[3]` belongs to `nodes`; a module routed by itself is its own pool."""
    name = stem(member.set)
    return name.rsplit(".", 1)[0] if "." in name else name


@dataclass
class _Drawing:
    graph: Graph
    loads: Loads
    edges: list[Edge] = field(default_factory=list[Edge])
    drawn: set[str] = field(default_factory=set[str])
    """Stems of the module sets that are drawn already: a second place shows a reference to them."""

    # --- the stream ---------------------------------------------------------------------------

    def input(self) -> Box:
        source = self.graph.input
        if self.graph.is_text:
            return Box("input", "input", "text", (f"{self.graph.tokens} tokens",))
        size: Any = source.get("size")
        return Box(
            "input", "input", "image", (f"{'×'.join(str(n) for n in size)} pixels", f"{self.graph.tokens} tokens")
        )

    def place(self, bundle: Bundle, previous: str) -> tuple[list[Box | Frame], str]:
        """Draw the items of one turn; returns what was drawn and the box that the stream leaves from."""
        drawn: list[Box | Frame] = []
        for column in zip(*bundle, strict=True):
            things, previous = self._item(column, previous)
            drawn.extend(things)
        return drawn, previous

    def _item(self, column: Sequence[Item], previous: str) -> tuple[Sequence[Box | Frame], str]:
        match column[0]:
            case Turns(turns):
                return self._turns(
                    [turn for item in column if isinstance(item, Turns) for turn in item.turns], len(turns), previous
                )
            case Branches():
                return self._branches(column, previous)
            case Single(Apply()):
                return self._apply([n for n in flat(column) if isinstance(n, Apply)], 1, previous)
            case Single(Route()):
                return self._route([n for n in flat(column) if isinstance(n, Route)], 1, previous)
            case Single(Embed() as node):
                self.edges.append(Edge(previous, node.id, "stream"))
                return [self._embed(node)], node.id
            case Single(Head() as node):
                return self._head(node, previous)
            case _:
                return [], previous

    def _embed(self, node: Embed) -> Box:
        kind = self.graph.weights[node.weights].kind
        positions = kind.get("positions")
        lines = [f"{kind.name} to {self.graph.width}"]
        if isinstance(positions, Form):
            lines.append(f"positions {positions.name}")
        return Box(node.id, "embed", "embed", tuple(lines))

    def _head(self, node: Head, previous: str) -> tuple[list[Box], str]:
        kind = self.graph.weights[node.weights].kind
        self.edges.append(Edge(previous, node.id, "stream"))
        if node.table is not None:
            first = next(n.id for n in self.graph.nodes if isinstance(n, Embed) and n.weights == node.table)
            self.edges.append(Edge(first, node.id, "tied", "same table"))
        lines = [kind.name, *([f"{kind['pool']}"] if kind.get("pool") is not None and not self.graph.is_text else [])]
        outputs = self.graph.input.get("vocabulary" if self.graph.is_text else "classes")
        out = Box(
            f"{node.id}.out", "output", "logits", (f"{outputs} {'per token' if self.graph.is_text else 'classes'}",)
        )
        self.edges.append(Edge(node.id, out.id, "stream"))
        return [Box(node.id, "head", f"head {node.weights}", tuple(lines)), out], out.id

    # --- loops and branches -------------------------------------------------------------------

    def _turns(self, bundle: Bundle, count: int, previous: str) -> tuple[Sequence[Box | Frame], str]:
        nodes = [node for turn in bundle for node in flat(turn)]
        if len(bundle[0]) == 1 and all(isinstance(n, Apply) for n in nodes):
            return self._apply([n for n in nodes if isinstance(n, Apply)], count, previous)
        if len(bundle[0]) == 1 and all(isinstance(n, Route) for n in nodes):
            return self._route([n for n in nodes if isinstance(n, Route)], count, previous)
        before = len(self.edges)
        inner, last = self.place(bundle, previous)
        first = next(e.head for e in self.edges[before:] if e.tail == previous and e.role == "stream")
        self.edges.append(Edge(last, first, "again"))  # the frame says how often
        return [Frame(f"loop.{first}", "loop", f"repeat {count}", (), tuple(inner))], last

    def _branches(self, column: Sequence[Item], previous: str) -> tuple[list[Box | Frame], str]:
        rows = [item for item in column if isinstance(item, Branches)]
        inner: list[Box | Frame] = []
        plus = Box(f"{rows[0].node.id}.plus", "combine", "+")
        for bundle in zip(*(row.branches for row in rows), strict=True):
            things, last = self.place(bundle, previous)
            inner.extend(things)
            self.edges.append(Edge(last, plus.id, "result"))
        return [Frame(f"parallel.{plus.id}", "parallel", "parallel", (), tuple(inner)), plus], plus.id

    # --- modules ------------------------------------------------------------------------------

    def _apply(self, nodes: Sequence[Apply], count: int, previous: str) -> tuple[list[Box], str]:
        """One module, or `count` turns of it: a stack where each has its weights, a loop where they share."""
        id, name = nodes[0].id, stem(nodes[0].module.set)
        sets = len({node.module for node in nodes})
        own = sets == len(nodes)
        self.edges.append(Edge(previous, id, "stream"))
        if count > 1 and not own:
            self.edges.append(Edge(id, id, "again", f"{count} times, same weights"))
        if name in self.drawn:
            return [Box(id, "reference", name, ("the same weights",))], id
        self.drawn.add(name)
        entry = self.graph.module[nodes[0].module.set]
        note = () if own or sets == len(nodes) // count else (f"{len(nodes)} uses, {sets} set{'s' * (sets > 1)}",)
        lines = (*words.module(entry, self.graph.width), *note)
        return [Box(id, "identity" if entry.is_identity else "module", name, lines, count if own else 1)], id

    # --- routing ------------------------------------------------------------------------------

    def _route(self, nodes: Sequence[Route], count: int, previous: str) -> tuple[list[Box | Frame], str]:
        """One routing step, or `count` turns of it, with the pools it chooses from."""
        first = nodes[0]
        fields = self.graph.router[first.router].fields
        choice = words.choice(_form(fields, "choose"), len(first.candidates))
        router = Box(f"{first.id}.router", "router", stem(first.site), (choice,))
        plus = Box(f"{first.id}.plus", "combine", "+")
        self.edges.append(Edge(previous, router.id, "stream"))
        members = (*first.candidates, *first.always)
        is_halt = len(members) == 1 and self.graph.module[members[0].set].exits != ""
        names = dict.fromkeys(_pool(m) for m in members)
        pools: list[Box | Frame] = [
            self._pool(pool, [m for m in members if _pool(m) == pool], nodes) for pool in names if not is_halt
        ] or [self._member(members[0].set, nodes)]
        if count > 1:
            self.edges.append(Edge(plus.id, router.id, "again", "next step"))
        kind = "halting" if is_halt else "routing"
        steps = f"{count} {kind} steps" if count > 1 else f"{kind} step"
        title = f"{stem(first.site)} · {steps}"
        return [Frame(f"step.{first.id}", "step", title, self._about(nodes, fields), (router, *pools, plus))], plus.id

    def _about(self, nodes: Sequence[Route], fields: Form) -> tuple[str, ...]:
        routers = len({node.router for node in nodes})
        scope = f"{routers} routers" if routers > 1 else "one router"
        scope += f", {len(nodes)} uses" if routers == 1 < len(nodes) else ""
        how = [scope, words.phrase(_form(fields, "score")), words.phrase(_form(fields, "gate"))]
        weight, terms = fields.get("weight"), fields.get("balance")
        if isinstance(weight, Form):
            how.append(f"weight {weight.name}")
        lines = [" · ".join(how)]
        if isinstance(terms, tuple) and terms:
            lines.append("balance " + ", ".join(words.balance(t) for t in terms if isinstance(t, Form)))
        if special := words.special(fields):
            lines.append(" · ".join(special))
        return tuple(lines)

    def _pool(self, pool: str, members: Sequence[Member], nodes: Sequence[Route]) -> Frame:
        """The members of one pool that this step may choose."""
        names = list(dict.fromkeys(m.set for m in members))
        drawn_before = all(stem(name) in self.drawn for name in names)
        boxes = tuple(self._member(name, nodes) for name in names)
        title = f"pool {pool}" if pool != stem(names[0]) else "candidates"
        sets = len({m.set for node in nodes for m in (*node.candidates, *node.always) if stem(m.set) == stem(names[0])})
        if drawn_before:
            return Frame(f"pool.{nodes[0].id}.{pool}", "pool", f"{title} again", ("the same weights",), boxes)
        lines = (f"used by all {len(nodes)} steps",) if sets == 1 and len(nodes) > 1 else ()
        lines = (f"own modules in each of {sets} turns",) if sets > 1 else lines
        return Frame(f"pool.{nodes[0].id}.{pool}", "pool", title, lines, boxes)

    def _member(self, name: str, nodes: Sequence[Route]) -> Box:
        """One group of a pool, with the edges from the router and to the point where outputs join."""
        first, entry = nodes[0], self.graph.module[name]
        id = f"{first.id}.{stem(name)}"
        always = any(m.set == name for m in first.always)
        taken = sum(m.set == name for m in first.candidates)
        whole = entry.count or 1
        part = "always" if always else f"{taken} of {whole}" if taken < whole else ""
        self.edges.append(Edge(f"{first.id}.router", id, "choice", part, None if always else self._share(name, nodes)))
        self.edges.append(Edge(id, f"{first.id}.plus", "result"))
        short = stem(name).rsplit(".", 1)[-1]
        if stem(name) in self.drawn:
            return Box(id, "reference", short, (), taken, self._module_loads(name, nodes))
        self.drawn.add(stem(name))
        role = "identity" if entry.is_identity else "module"
        return Box(id, role, short, words.module(entry, self.graph.width), whole, self._module_loads(name, nodes))

    # --- measured -----------------------------------------------------------------------------

    def _share(self, name: str, nodes: Sequence[Route]) -> float | None:
        """Mean over steps of the part of choices that fell on the set."""
        rows = [self._slots(node, stem(name)) for node in nodes if node.site in self.loads]
        return sum(sum(row.values()) for row in rows) / len(rows) if rows else None

    def _module_loads(self, name: str, nodes: Sequence[Route]) -> tuple[float, ...]:
        """Mean over steps of the part that each module took; nothing where each turn has its own modules."""
        rows = [self._slots(node, stem(name)) for node in nodes if node.site in self.loads]
        if not rows or len({m.set for node in nodes for m in node.candidates if stem(m.set) == stem(name)}) > 1:
            return ()
        size = self.graph.module[name].count or 1
        indices = sorted(rows[0]) if stem(name) in self.drawn and len(rows[0]) < size else range(size)
        return tuple(sum(row.get(index, 0.0) for row in rows) / len(rows) for index in indices)

    def _slots(self, node: Route, name: str) -> dict[int, float]:
        """Index within the set to the measured part, for the candidates of one set."""
        pairs = zip(node.candidates, self.loads[node.site], strict=True)
        return {m.index or 0: float(load) for m, load in pairs if stem(m.set) == name}


def _form(fields: Form, key: str) -> Form:
    value = fields[key]
    return value if isinstance(value, Form) else Form(str(value))

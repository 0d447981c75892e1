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
    drawing = _Drawing(graph, loads or {}, _users(items))
    placed, _ = drawing.place([items], "input")
    outer = [drawing.pool_frames[name] for name in drawing.outside]
    return Diagram(graph.name, caption, (drawing.input(), *placed, *outer), tuple(drawing.edges))


def _users(items: Sequence[Item]) -> dict[str, int]:
    """How many places of the folded net route over each pool."""
    users: dict[str, int] = {}
    for item in items:
        match item:
            case Single(Route() as node):
                for pool in {_pool(m) for m in (*node.candidates, *node.always)}:
                    users[pool] = users.get(pool, 0) + 1
            case Turns(turns):
                for pool, n in _users(turns[0]).items():
                    users[pool] = users.get(pool, 0) + n
            case Branches(_, branches):
                for pool, n in _users([i for branch in branches for i in branch]).items():
                    users[pool] = users.get(pool, 0) + n
            case _:
                pass
    return users


def _pool(member: Member) -> str:
    """`nodes.block[3]` belongs to `nodes`; a module routed by itself is its own pool."""
    name = stem(member.set)
    return name.rsplit(".", 1)[0] if "." in name else name


@dataclass
class _Drawing:
    graph: Graph
    loads: Loads
    users: dict[str, int]
    edges: list[Edge] = field(default_factory=list[Edge])
    boxes: dict[str, str] = field(default_factory=dict[str, str])
    """Stem of a module set to the id of the box that shows it."""
    pool_frames: dict[str, Frame] = field(default_factory=dict[str, Frame])
    outside: list[str] = field(default_factory=list[str])
    """Pools that several routing steps share: they stand beside the loops."""

    # --- the stream ---------------------------------------------------------------------------

    def input(self) -> Box:
        source = self.graph.input
        if self.graph.is_text:
            return Box("input", "input", "text", (f"{self.graph.tokens} tokens",))
        size: Any = source.get("size")
        return Box(
            "input", "input", "image", (f"{'×'.join(str(n) for n in size)} pixels", f"{self.graph.tokens} patches")
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
        out = Box(f"{node.id}.out", "output", "logits", (f"{outputs} {'tokens' if self.graph.is_text else 'classes'}",))
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
        self.edges.append(Edge(last, first, "again", f"{count} times"))
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
        name = stem(nodes[0].module.set)
        sets = len({node.module for node in nodes})
        own = sets == len(nodes)
        entry = self.graph.module[nodes[0].module.set]
        note = () if own or sets == len(nodes) // count else (f"{len(nodes)} uses, {sets} set{'s' * (sets > 1)}",)
        id = nodes[0].id
        if name in self.boxes and not own:
            note = (f"the weights of {name}",)
            self.edges.append(Edge(self.boxes[name], id, "tied"))
        self.boxes.setdefault(name, id)
        self.edges.append(Edge(previous, id, "stream"))
        if count > 1 and not own:
            self.edges.append(Edge(id, id, "again", f"{count} times, same weights"))
        role = "identity" if entry.is_identity else "module"
        lines = (*(words.module(entry) or ("identity",)), *note)
        return [Box(id, role, name, lines, count if own else 1)], id

    # --- routing ------------------------------------------------------------------------------

    def _route(self, nodes: Sequence[Route], count: int, previous: str) -> tuple[list[Box | Frame], str]:
        """One routing step, or `count` turns of it, with the pool it chooses from."""
        first = nodes[0]
        fields = self.graph.router[first.router].fields
        router = Box(
            f"{first.id}.router",
            "router",
            stem(first.site),
            (words.choice(_form(fields, "choose"), len(first.candidates)),),
        )
        plus = Box(f"{first.id}.plus", "combine", "+")
        self.edges.append(Edge(previous, router.id, "stream"))
        inner: list[Box | Frame] = [router]
        for pool in dict.fromkeys(_pool(m) for m in (*first.candidates, *first.always)):
            members = [m for m in (*first.candidates, *first.always) if _pool(m) == pool]
            frame = self._pool_frame(pool, members, nodes)
            if frame is not None:
                inner.append(frame)
        for name in dict.fromkeys(m.set for m in (*first.candidates, *first.always)):
            self._choice(name, nodes, router.id, plus.id)
        inner.append(plus)
        if count > 1:
            self.edges.append(Edge(plus.id, router.id, "again", "next step"))
        steps = f"{count} routing steps" if count > 1 else "routing step"
        title = f"{stem(first.site)} · {steps}"
        return [Frame(f"step.{first.id}", "step", title, self._about(nodes, fields), tuple(inner))], plus.id

    def _about(self, nodes: Sequence[Route], fields: Form) -> tuple[str, ...]:
        routers = len({node.router for node in nodes})
        scope = (
            "one router"
            if len(nodes) == 1
            else f"{routers} routers"
            if routers > 1
            else f"one router, {len(nodes)} uses"
        )
        how = [scope, words.phrase(_form(fields, "score")), words.phrase(_form(fields, "gate"))]
        weight, terms = fields.get("weight"), fields.get("balance")
        if isinstance(weight, Form):
            how.append(f"weight {weight.name}")
        lines = [" · ".join(how)]
        if isinstance(terms, tuple) and terms:
            lines.append("balance " + ", ".join(words.balance(t) for t in terms if isinstance(t, Form)))
        return tuple(lines)

    def _pool_frame(self, pool: str, members: Sequence[Member], nodes: Sequence[Route]) -> Frame | None:
        """The frame of a pool, or None where it is drawn already or belongs beside the loops."""
        names = dict.fromkeys(m.set for m in members)
        new = [name for name in names if stem(name) not in self.boxes]
        if not new:
            return None
        boxes = tuple(self._member(name, nodes) for name in new)
        sets = len({m.set for node in nodes for m in node.candidates if stem(m.set) == stem(new[0])})
        lines = (f"used by all {len(nodes)} steps",) if sets == 1 and len(nodes) > 1 else ()
        lines = (f"own modules in each of {sets} turns",) if sets > 1 else lines
        title = f"pool {pool}" if pool != stem(new[0]) else "candidates"
        frame = Frame(f"pool.{pool}", "pool", title, lines, boxes)
        if self.users.get(pool, 0) > 1:
            frame = Frame(
                frame.id, "pool", title, (f"routed over in {self.users[pool]} places",), self._merged(pool, boxes)
            )
            self.pool_frames[pool] = frame
            self.outside += [pool] if pool not in self.outside else []
            return None
        return frame

    def _merged(self, pool: str, boxes: tuple[Box, ...]) -> tuple[Box | Frame, ...]:
        known = self.pool_frames[pool].items if pool in self.pool_frames else ()
        return (*known, *boxes)

    def _member(self, name: str, nodes: Sequence[Route]) -> Box:
        entry = self.graph.module[name]
        short = stem(name).rsplit(".", 1)[-1]
        id = f"set.{stem(name)}"
        self.boxes[stem(name)] = id
        role = "identity" if entry.is_identity else "module"
        lines = words.module(entry) or ("identity",)
        return Box(id, role, short, lines, entry.count or 1, self._module_loads(name, nodes))

    def _choice(self, name: str, nodes: Sequence[Route], router: str, plus: str) -> None:
        box = self.boxes[stem(name)]
        always = any(m.set == name for m in nodes[0].always)
        taken = {m.index for m in nodes[0].candidates if m.set == name}
        whole = self.graph.module[name].count or 1
        part = f"{len(taken)} of {whole}" if not always and len(taken) < whole else ""
        share = None if always else self._share(name, nodes)
        self.edges.append(Edge(router, box, "choice", "always" if always else part, share))
        self.edges.append(Edge(box, plus, "result"))

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
        return tuple(sum(row.get(index, 0.0) for row in rows) / len(rows) for index in range(size))

    def _slots(self, node: Route, name: str) -> dict[int, float]:
        """Index within the set to the measured part, for the candidates of one set."""
        pairs = zip(node.candidates, self.loads[node.site], strict=True)
        return {m.index or 0: float(load) for m, load in pairs if stem(m.set) == name}


def _form(fields: Form, key: str) -> Form:
    value = fields[key]
    return value if isinstance(value, Form) else Form(str(value))

"""The plan for people: sizes, cost, routing, weights by role, hints, and the schedule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Join, Member, Node, Norm, Region, Route
from dnac.passes.pipeline import optimize
from dnac.schedule.build import build_schedule
from dnac.schedule.cost import Costs, Range
from dnac.schedule.hints import hints
from dnac.schedule.memory import memory
from dnac.schedule.paths import distinct_paths, paths
from dnac.schedule.printer import schedule_lines
from dnac.semantics.result import CheckedNet, Verdict


def render_plan(net: CheckedNet, level: str = "O2") -> str:
    """The plan as text, ending in a line break."""
    graph, costs = net.graph, Costs(net.graph)
    optimized = optimize(graph, level)
    schedule = schedule_lines(build_schedule(optimized))
    blocks = [
        [f"{graph.name}: {_input(graph)}, width {graph.width}, {graph.tokens} tokens"],
        _table([*_sizes(net, costs, Costs(optimized).flops), *_verdicts(net)], indent=2),
        ["weights", *_table([_Line.TITLES, *_weights(graph, costs)], indent=2, left=2)],
        ["hints", *(f"  {hint}" for hint in hints(net))] if hints(net) else [],
        [f"schedule ({level})", *(f"  {line}" for line in schedule)],
    ]
    return "\n".join(line for block in blocks if block for line in (*block, ""))


def _sizes(net: CheckedNet, costs: Costs, flops: Range) -> list[tuple[str, ...]]:
    graph = net.graph
    used = memory(graph, costs, net.train)
    training = sum(used[name] for name in ("parameters", "gradients", "optimizer", "router_biases"))
    steps = [node for node in traits.unrolled(graph.nodes) if isinstance(node, Route)]
    rows = [
        ("parameters", f"{costs.total_params:,}"),
        ("active per token", _cases(costs.active_params)),
        ("FLOPs per token", _cases(flops)),
        ("memory", f"{_bytes(used['parameters'])} weights, {_bytes(training)} with gradients and AdamW"),
        ("", f"about {_bytes(used['activations_per_sequence'])} activations per sequence in training"),
        ("routing steps", str(len(steps)) if steps else "none: every token takes every module"),
    ]
    if steps:
        rows.append(("paths", _paths(paths(graph), distinct_paths(graph))))
    return rows


def _verdicts(net: CheckedNet) -> list[tuple[str, ...]]:
    return [(f"{program} program", _verdict(verdict)) for program, verdict in net.verdicts.items()]


def _verdict(verdict: Verdict) -> str:
    causal = {True: "causal", False: "not causal", None: "no causal order"}[verdict.causal]
    rows = "row independent" if verdict.row_independent else "rows depend on one another"
    return "; ".join((f"{causal}, {rows}", *verdict.breaks))


@dataclass
class _Line:
    """One line of the table of weights: sets that differ in an index alone."""

    TITLES = ("", "", "uses", "sets", "modules", "parameters", "")

    role: str
    name: str
    sets: list[str] = field(default_factory=list[str])
    uses: int = 0
    modules: int = 0
    params: int = 0
    is_identity: bool = False

    def row(self) -> tuple[str, ...]:
        """The cells under `TITLES`."""
        modules = str(self.modules) if self.modules else ""
        if self.is_identity:
            note = "identity"
        else:
            note = f"{self.params // self.modules:,} each" if self.modules > 1 else ""
        return (self.role, self.name, str(self.uses), str(len(self.sets)), modules, f"{self.params:,}", note)


def _weights(graph: Graph, costs: Costs) -> list[tuple[str, ...]]:
    uses = _uses(graph)
    routed = {m.set for n in traits.unrolled(graph.nodes) if isinstance(n, Route) for m in (*n.candidates, *n.always)}
    lines: dict[tuple[str, str], _Line] = {}

    def add(role: str, name: str, params: int, modules: int = 0, is_identity: bool = False) -> None:
        pattern = re.sub(r"\[\d+\]", "[]", name)
        line = lines.setdefault((role, pattern), _Line(role, pattern, is_identity=is_identity))
        line.sets.append(name)
        line.uses += uses.get(name, 0)
        line.modules += modules
        line.params += params

    for shared in (s for s in graph.shared if s.role == "embed"):
        add("embed", shared.name, costs.params[shared.name])
    for m in graph.modules:
        size = costs.params[m.name]
        add("pool" if m.name in routed else "module", m.name, size, m.count or 1, m.is_identity)
    for router in graph.routers:
        add("router", router.name, costs.router_params[router.name])
    for shared in (s for s in graph.shared if s.role != "embed"):
        add(shared.role, shared.name, costs.params[shared.name])
    return [line.row() for line in lines.values()]


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
        case Join() | Region():
            return ()


def _table(rows: Sequence[tuple[str, ...]], *, indent: int, left: int = 99) -> list[str]:
    """Columns aligned: the first `left` to the left, others to the right, the last as it is."""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    cells = (
        [*(f"{row[i]:<{w}}" if i < left else f"{row[i]:>{w}}" for i, w in enumerate(wide[:-1])), row[-1]]
        for row in rows
    )
    return [" " * indent + "  ".join(line).rstrip() for line in cells]


def _cases(cost: Range) -> str:
    low, mean, high = (f"{round(value):,}" for value in cost)
    return low if low == high else f"{mean} expected, {low} least, {high} most"


def _paths(all_paths: int, distinct: int) -> str:
    text = _number(all_paths)
    return text if distinct == all_paths else f"{text}; {_number(distinct)} where identities are alike"


def _number(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"{Decimal(n):.2e}".replace("e+", " x 10^")


def _bytes(n: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"


def _input(graph: Graph) -> str:
    form = graph.input
    if graph.is_text:
        return f"text, {form['vocabulary']} token ids"
    size = form["size"]
    shape = "x".join(str(v) for v in (*(size if isinstance(size, tuple) else (size,)), form["channels"]))
    return f"images {shape}, {form['classes']} classes"

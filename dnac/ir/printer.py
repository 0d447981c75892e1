"""Graph to text: one node per line, complete and deterministic, read back by `ir.reader`.

    h2 = route(h1) by hop[0] at hop[0] step 0 over (nodes.block[0:4] nodes.skip[0]) ... : f[B,T,16] ids[B,T,1]

Forms are printed whole, so that reading needs no kind. `-` stands for no value, a word alone for a
form without arguments. Origins are left out: they are no part of a graph's meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import assert_never

from dnac.ir.form import Form, Value
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
    Part,
    Presence,
    Pretrained,
    Region,
    Route,
    Settle,
    Tally,
    Tap,
)
from dnac.ir.names import join_names

RESERVED = ("true", "false", "inf", "nan")
"""Words that are values; a form of such a name keeps its braces."""


def print_graph(graph: Graph) -> str:
    """The whole graph as text, ending in a line break; `read_graph` gives an equal graph."""
    head = [f"net {graph.name} width={graph.width} tokens={graph.tokens}", f"input {print_form(graph.input)}"]
    head += [f"budget {b.name} over ({join_names(b.routers)}) = {print_form(b.kind)}" for b in graph.budgets]
    head += [f"assert {json.dumps(text, ensure_ascii=False)}" for text in graph.asserts]
    head += [f"start {json.dumps(_start(p), ensure_ascii=False)}" for p in graph.pretrained]
    tables = _aligned(
        [
            *((s.role, s.name, print_form(s.kind)) for s in graph.shared),
            *(("module", _set_name(m), _make(m)) for m in graph.modules),
            *(("router", f"{r.name} of {r.size}", print_form(r.fields)) for r in graph.routers),
        ]
    )
    return "\n".join([*head, "", *tables, "", *print_nodes(graph)]) + "\n"


def _start(start: Pretrained) -> list[str | int]:
    return [start.set, start.file, *([start.of] if start.of else []), *start.layers]


def print_nodes(graph: Graph) -> list[str]:
    """The nodes alone, one line each, results and types aligned."""
    rows = [row for node in graph.nodes for row in _rows(graph, node, "")]
    left = max((len(name) for name, _, _ in rows), default=0)
    width = max((len(text) for _, text, kind in rows if kind), default=0)
    return [
        f"{name:<{left}} {text:<{width}} : {kind}" if kind else f"{name:<{left}} {text}".rstrip()
        for name, text, kind in rows
    ]


def print_form(form: Form) -> str:
    """`name{key=value, ...}`, or the name alone where there are no arguments."""
    if not form.args and form.name not in RESERVED:
        return form.name
    return f"{form.name}{{{', '.join(f'{k}={print_value(v)}' for k, v in form.args)}}}"


def print_value(value: Value) -> str:
    """One argument of a form."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Form():
            return print_form(value)
        case tuple():
            return f"[{', '.join(map(print_value, value))}]"
        case _:
            assert_never(value)


def print_factor(number: float | Form) -> str:
    """A number in few digits, or the schedule that it follows."""
    return print_form(number) if isinstance(number, Form) else f"{number:g}"


def type_of(graph: Graph, node: Node) -> str:
    """The type of a node's value: `f[B,T,D]` for a stream or view, with `ids[B,T,K]` for a route."""
    stream = f"f[B,T,{graph.width}]"
    match node:
        case Route():
            return f"{stream} ids[B,T,{_chosen(graph, node)}]"
        case Head():
            text = graph.input.get("vocabulary", "V")
            return f"f[B,T,{text}]" if graph.is_text else f"f[B,{graph.input.get('classes', 'V')}]"
        case Presence():
            return "away[B,T]"
        case Tally():
            return "chance[B,T]" + (f" {stream}" if node.x else "")
        case Tap():
            return "loss"
        case Embed() | Norm() | Apply() | Settle() | Join() | Region():
            return stream
        case _:
            assert_never(node)


def _chosen(graph: Graph, node: Route) -> Value:
    """K as far as the form says; `K` where only its kind knows."""
    choose = graph.router[node.router].fields["choose"]
    if not isinstance(choose, Form):
        return "K"
    if isinstance(k := choose.get("k"), int):
        return k
    return {"all": len(node.candidates), "nonzero": len(node.candidates), "fixed": 1}.get(choose.name, "K")


def print_slots(slots: Sequence[int]) -> str:
    """`0:4,6`: half-open runs of consecutive numbers, single ones alone; `-` for none."""
    pieces: list[list[int]] = []
    for slot in slots:
        if pieces and slot == pieces[-1][1]:
            pieces[-1][1] += 1
        else:
            pieces.append([slot, slot + 1])
    return ",".join(str(a) if b == a + 1 else f"{a}:{b}" for a, b in pieces) or "-"


def print_member(member: Member, sets: Iterable[str]) -> str:
    """`nodes.block[3]`, or `a[3:4]` where another set has just that name."""
    if member.index is not None and str(member) in sets:
        return f"{member.set}[{member.index}:{member.index + 1}]"
    return str(member)


def print_members(members: Sequence[Member], sets: Iterable[str]) -> str:
    """Modules in order, neighbours of one set joined: `nodes.block[0:4] nodes.skip[0]`."""
    groups: list[list[Member]] = []
    for member in members:
        last = groups[-1][-1] if groups else None
        if last and last.set == member.set and None not in (last.index, member.index) and _follows(last, member):
            groups[-1].append(member)
        else:
            groups.append([member])
    return " ".join(
        print_member(g[0], sets) if len(g) == 1 else f"{g[0].set}[{g[0].index}:{(g[-1].index or 0) + 1}]"
        for g in groups
    )


def _follows(last: Member, member: Member) -> bool:
    return last.index is not None and member.index == last.index + 1


def _set_name(module: ModuleSet) -> str:
    return module.name if module.count is None else f"{module.name} x {module.count}"


def _make(module: ModuleSet) -> str:
    return " + ".join(f"{p.name}: {print_form(p.kind)}{_of(p)}" for p in module.parts) or "identity"


def _of(part: Part) -> str:
    return f" of {part.of[0]} {part.of[1]}" if part.of else ""


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    first = max((len(row[0]) for row in rows), default=0)
    second = max((len(row[1]) for row in rows), default=0)
    return [f"{a:<{first}} {b:<{second}} = {c}" for a, b, c in rows]


def _rows(graph: Graph, node: Node, indent: str) -> list[tuple[str, str, str]]:
    """(name, text, type) of each line of one node."""
    if not isinstance(node, Region):
        return [(f"{indent}{node.id}", f"= {_text(graph, node)}", type_of(graph, node))]
    opening = f"= region({node.x}) steps {' '.join(map(str, node.steps))} {{"
    keys = [key for key, _ in node.renames[0]] if node.renames else []
    new = [join_names([turn[i][1] for turn in node.renames]) for i in range(len(keys))]
    renames = [(f"{indent}  {key}", f"-> {names}", "") for key, names in zip(keys, new, strict=True)]
    carried = [(f"{indent}  {taken}", f"=> {given} as {out}", "") for taken, given, out in node.carried]
    body = [row for inner in node.body for row in _rows(graph, inner, f"{indent}  ")]
    whole = (f"{indent}{node.id}", opening, type_of(graph, node))
    return [whole, *renames, *carried, *body, (f"{indent}}}", "", "")]


def _text(graph: Graph, node: Embed | Norm | Apply | Route | Presence | Tally | Settle | Tap | Join | Head) -> str:
    match node:
        case Embed():
            return f"embed(inputs) by {node.weights}"
        case Norm():
            return f"norm({node.x}) by {node.weights}"
        case Head():
            return f"head({node.x}) by {node.weights}" + (f" table {node.table}" if node.table else "")
        case Join():
            return f"join({node.x})" + "".join(f" [{' '.join(branch)}]" for branch in node.branches)
        case Apply():
            gate = f" gate ({node.gate[0]} {node.gate[1]})" if node.gate else ""
            site = f" at {node.site}" if node.site else ""
            where = f"{gate}{site}{_away(node.away)}" + (" copied yes" if node.copied else "")
            return f"apply({_read(node.x, node.view)}) by {print_member(node.module, graph.module)}{where}"
        case Presence() | Tally() | Settle() | Tap():
            return _beside(node)
        case Route():
            return _route(graph, node)
        case _:
            assert_never(node)


def _away(away: str) -> str:
    return f" away {away}" if away else ""


def _beside(node: Presence | Tally | Settle | Tap) -> str:
    match node:
        case Presence():
            return _presence(node)
        case Tally():
            return f"tally({node.before})" + "".join(
                f" {word} {value}" for word, value in (("route", node.route), ("x", node.x)) if value
            )
        case Settle():
            return f"settle({node.x}) tally {node.tally}"
        case Tap():
            table, tally = (f" {word} {v}" if v else "" for word, v in (("table", node.table), ("tally", node.tally)))
            every = f" every {node.every}" if node.every > 1 else ""
            return f"tap({node.x}) by {node.weights}{table}{every} times {print_value(node.weight)}{tally}"


def _presence(node: Presence) -> str:
    words = [f"presence({node.away})"]
    if node.route:
        words.append(f"route {node.route} leaves ({' '.join(f'{slot}:{code}' for slot, code in node.leaves)})")
    if node.back:
        words.append(f"back {node.back}")
    return " ".join(words)


def _route(graph: Graph, node: Route) -> str:
    words = [
        f"route({_read(node.x, node.view)}) by {node.router} at {node.site} step {node.step}",
        f"over ({print_members(node.candidates, graph.module)})",
    ]
    if node.always:
        words.append(f"always ({print_members(node.always, graph.module)})")
    words.append(f"runs {print_slots(node.runs)} skips {print_slots(node.skips)}")
    if node.banks:
        words.append(f"banks ({' '.join(print_slots(bank.slots) for bank in node.banks)})")
    if node.carries:
        words.append(f"carries ({' '.join(node.carries)})")
    return " ".join(words) + _away(node.away) + (f" tally {node.tally}" if node.tally else "")


def _read(x: str, view: str) -> str:
    return x if view == x else f"{x}, {view}"

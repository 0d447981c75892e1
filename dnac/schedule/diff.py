"""What differs between two networks in meaning: weights, routers, steps, totals, and what a checkpoint keeps.

Names of nets, places in files and the order of declarations do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from dnac.ir import traits
from dnac.ir.form import Form
from dnac.ir.graph import (
    Apply,
    BudgetSet,
    Embed,
    Graph,
    Head,
    Join,
    ModuleSet,
    Node,
    Norm,
    Presence,
    Region,
    Route,
    RouterSet,
    Settle,
    SharedSet,
    Tally,
    Tap,
)
from dnac.ir.names import join_names
from dnac.ir.printer import print_factor, print_members, print_value
from dnac.passes.pipeline import optimize
from dnac.schedule.cost import Costs
from dnac.schedule.paths import as_json, paths
from dnac.schedule.state import state_shapes

VERSION = 1
"""Of the JSON; a reader of version 1 can read every later one that says 1."""

Facts = dict[str, str]
"""What is known of one thing, by field, as printed."""


def diff(a: Graph, b: Graph) -> dict[str, Any]:
    """The differences as plain values, ready for JSON; `equal` says whether there are none.

    `weights` tells what happens to a checkpoint of `a` that is loaded into `b`: keys that are kept, keys of
    another shape, and keys that only one of the two has.
    """
    found: dict[str, Any] = {
        "input": changes(_inputs(a), _inputs(b)),
        "shared": tables(*({s.name: _shared(s) | _begun(g, s.name) for s in g.shared} for g in (a, b))),
        "modules": tables(*({m.name: _module(m) | _begun(g, m.name) for m in g.modules} for g in (a, b))),
        "routers": tables({r.name: _router(r) for r in a.routers}, {r.name: _router(r) for r in b.routers}),
        "budgets": tables({x.name: _budget(x) for x in a.budgets}, {x.name: _budget(x) for x in b.budgets}),
        "steps": _edits(_steps(a), _steps(b)),
    }
    equal = not any(found[key] for key in ("input", "steps")) and not any(
        found[key][sort]
        for key in ("shared", "modules", "routers", "budgets")
        for sort in ("added", "removed", "changed")
    )
    totals = {key: [value, _totals(b)[key]] for key, value in _totals(a).items()}
    head = {"version": VERSION, "a": a.name, "b": b.name, "equal": equal}
    return {**head, **found, "totals": totals, "weights": _weights(a, b)}


def _begun(graph: Graph, name: str) -> Facts:
    """The checkpoint that a set starts from, if it starts from one."""
    found = next((p for p in graph.pretrained if p.set == name), None)
    return (
        {}
        if found is None
        else {"start": " ".join([found.file, *([found.of] if found.of else []), *map(str, found.layers)])}
    )


def tables(a: Mapping[str, Facts], b: Mapping[str, Facts]) -> dict[str, Any]:
    """Things by name: which were added, removed, and changed in which fields."""
    changed = {name: changes(a[name], b[name]) for name in a if name in b}
    return {
        "added": {name: facts for name, facts in b.items() if name not in a},
        "removed": {name: facts for name, facts in a.items() if name not in b},
        "changed": {name: fields for name, fields in changed.items() if fields},
    }


def changes(a: Facts, b: Facts) -> dict[str, list[str | None]]:
    """Fields that differ, each with both values; null where a side has no such field."""
    keys = dict.fromkeys((*a, *b))
    return {key: [a.get(key), b.get(key)] for key in keys if a.get(key) != b.get(key)}


def _fields(prefix: str, form: Form) -> Facts:
    """The arguments of a form, each printed: `mlp.hidden`."""
    dot = f"{prefix}." if prefix else ""
    return {f"{dot}{key}": print_value(value) for key, value in form}


def _inputs(graph: Graph) -> Facts:
    sizes = {"width": str(graph.width), "tokens": str(graph.tokens)}
    return {"input": graph.input.name, **_fields("input", graph.input), **sizes}


def _shared(entry: SharedSet) -> Facts:
    return {"role": entry.role, "kind": entry.kind.name, **_fields("", entry.kind)}


def _module(entry: ModuleSet) -> Facts:
    made = " + ".join(part.kind.name for part in entry.parts) or "identity"
    facts = {"made of": made, "count": "1" if entry.count is None else str(entry.count)}
    for part in entry.parts:
        facts |= _fields(part.name, part.kind)
    return facts


def _router(entry: RouterSet) -> Facts:
    return {"candidates": str(entry.size), **_fields("", entry.fields)}


def _budget(entry: BudgetSet) -> Facts:
    return {"counts": entry.kind.name, "covers": join_names(entry.routers), **_fields("", entry.kind)}


def _steps(graph: Graph) -> list[str]:
    return [_step(graph, node) for node in traits.unrolled(graph.nodes)]


def _step(graph: Graph, node: Node) -> str:
    """One step in words, without the names of values."""
    match node:
        case Embed(weights=name):
            return f"embed by {name}"
        case Norm(weights=name):
            return f"norm by {name}"
        case Apply(module=module, site=site):
            return f"{site}: apply {module}" if site not in ("", str(module)) else f"apply {module}"
        case Route(site=site, router=router, candidates=candidates, always=always):
            shared = f" always {print_members(always, graph.module)}" if always else ""
            return f"{site}: route {print_members(candidates, graph.module)} by {router}{shared}"
        case Join(branches=branches):
            return f"add {len(branches)} branches of {' and '.join(str(len(branch)) for branch in branches)} steps"
        case Presence() | Tally() | Settle() | Tap():
            return _beside(node)
        case Head(weights=name, table=table):
            return f"head {name}" + (f" with the table of {table}" if table else "")
        case Region():
            raise AssertionError("regions are unrolled")


def _beside(node: Presence | Tally | Settle | Tap) -> str:
    """What stands beside the stream, in words."""
    match node:
        case Presence(leaves=leaves, back=back):
            return f"tokens leave by {len(leaves)} exits" if leaves else "tokens come back" if back else "all are here"
        case Tally(route=route, before=before):
            if route and not before:
                return "keep what the weight of the chosen turns leaves"
            return "add up the chances to leave" if route else "no chance to leave yet"
        case Settle():
            return "take the mean over the steps"
        case Tap(weights=name, weight=weight, tally=tally, every=every):
            when = f" at every {every}. step in turn" if every > 1 else ""
            return f"tap {name} times {print_factor(weight)}" + (" by the chance to leave" if tally else when)


def _edits(a: list[str], b: list[str]) -> list[dict[str, Any]]:
    """What to take out of `a` and put in, in order: places counted from 0."""
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return [
        {"at": i, "removed": a[i:j], "added": b[m:n]} for sort, i, j, m, n in matcher.get_opcodes() if sort != "equal"
    ]


def _totals(graph: Graph) -> dict[str, int | str]:
    costs, flops = Costs(graph), Costs(optimize(graph)).flops
    active = {f"active_{case}": round(value) for case, value in costs.active_params._asdict().items()}
    work = {f"flops_per_token_{case}": round(value) for case, value in flops._asdict().items()}
    return {
        "params": costs.total_params,
        **active,
        **work,
        "routing_steps": sum(isinstance(node, Route) for node in traits.unrolled(graph.nodes)),
        "modules": sum(1 if m.count is None else m.count for m in graph.modules),
        "paths": as_json(paths(graph)),
    }


def _weights(a: Graph, b: Graph) -> dict[str, Any]:
    old, new = state_shapes(a), state_shapes(b)
    both = [key for key in old if key in new]
    return {
        "kept": [key for key in both if old[key] == new[key]],
        "reshaped": {key: [list(old[key]), list(new[key])] for key in both if old[key] != new[key]},
        "only_a": _missing(old, new),
        "only_b": _missing(new, old),
    }


def _missing(here: Iterable[str], there: Mapping[str, object]) -> list[str]:
    return [key for key in here if key not in there]

from __future__ import annotations

from dataclasses import replace

from dnac.ir.graph import Apply, Embed, Graph, Head, Member, ModuleSet
from dnac.report.fold import Item, Single, Turns, flat, fold, stem
from graphs import tiny_text, transformer


def shape(items: tuple[Item, ...]) -> list[object]:
    """Turns as (count, inner shape), nodes as their kind: for reading a fold in one line."""
    found: list[object] = []
    for item in items:
        match item:
            case Turns(turns):
                found.append((len(turns), shape(turns[0])))
            case Single(node):
                found.append(type(node).__name__)
            case _:
                found.append("Branches")
    return found


def sequence(names: str) -> Graph:
    """A graph that applies one module per letter: `aab` is a[0], a[1], b[0]."""
    seen = dict.fromkeys(names, 0)
    nodes, base = [], tiny_text()
    for i, name in enumerate(names):
        member = f"{name}[{seen[name]}]"
        seen[name] += 1
        nodes.append(Apply(f"h{i + 1}", f"h{i}", f"h{i}", Member(member), site=member))
    sets = tuple(ModuleSet(n.module.set, None, transformer()) for n in nodes)
    head = Head("logits", f"h{len(names)}", "lm")
    return replace(base, modules=sets, nodes=(Embed("h0", "embed"), *nodes, head), routers=())


def test_turns_of_one_route_fold_into_one_item():
    assert shape(fold(tiny_text(steps=5))) == ["Embed", "Apply", (5, ["Route"]), "Head"]


def test_a_turn_of_two_steps_folds_as_a_pair():
    assert shape(fold(sequence("abababc"))) == ["Embed", (3, ["Apply", "Apply"]), "Apply", "Head"]


def test_a_repeat_within_a_repeat_folds_twice():
    assert shape(fold(sequence("aaabaaab"))) == ["Embed", (2, [(3, ["Apply"]), "Apply"]), "Head"]


def test_folding_loses_no_node_and_keeps_their_order():
    graph = sequence("aabbaabbc")
    assert flat(fold(graph)) == graph.nodes


def test_routers_that_differ_are_not_one_loop():
    graph = tiny_text(steps=2)
    other = replace(graph.routers[1], fields=graph.routers[1].fields.replace(tau=0.5))
    graph = replace(graph, routers=(graph.routers[0], other))
    assert shape(fold(graph)) == ["Embed", "Apply", "Route", "Route", "Head"]


def test_turns_whose_parts_know_their_turn_are_one_loop():
    graph = sequence("aaab")
    sets = tuple(
        replace(entry, parts=tuple(replace(p, kind=p.kind.replace(layer_dropout=0.1 * t)) for p in entry.parts))
        for t, entry in enumerate(graph.modules)
    )
    assert shape(fold(replace(graph, modules=sets))) == ["Embed", (3, ["Apply"]), "Apply", "Head"]
    wider = tuple(
        replace(entry, parts=tuple(replace(p, kind=p.kind.replace(width=8 + t)) for p in entry.parts))
        for t, entry in enumerate(graph.modules)
    )
    assert shape(fold(replace(graph, modules=wider))) == ["Embed", "Apply", "Apply", "Apply", "Apply", "Head"]


def test_the_stem_of_a_name_has_no_turns():
    assert stem("experts[3].ffn") == "experts.ffn"
    assert stem("a[0][2]") == "a"

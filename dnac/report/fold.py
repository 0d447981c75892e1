"""Roll a flat graph up again: equal turns that follow one another become one item with a count.

`repeat 24 { hop: route nodes }` is 24 route nodes in a graph; a reader wants to see one loop. Turns
are equal when kinds, fields and candidates agree and names differ in their `[turn]` only, so a
hand-written stack of equal layers folds just as a `repeat` does.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from dnac.ir import traits
from dnac.ir.graph import Apply, Graph, Join, Node, Norm, Part, Region, Route, Settle
from dnac.report.words import BY_TURN
from dnac.text.diagnostic import InternalError

_TURN = re.compile(r"\[\d+\]")
_AGAIN = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Single:
    """One node."""

    node: Node


@dataclass(frozen=True)
class Branches:
    """`parallel`: its branches read one value; the increments are added."""

    node: Join
    branches: tuple[tuple[Item, ...], ...]


@dataclass(frozen=True)
class Turns:
    """Equal turns: `turns[t]` are the items of turn t (at least two turns)."""

    turns: tuple[tuple[Item, ...], ...]


Item = Single | Branches | Turns


def fold(graph: Graph) -> tuple[Item, ...]:
    """The nodes of a graph as elaborated (no pass has run) that a picture shows, equal turns rolled up."""
    owned = {name for node in graph.nodes if isinstance(node, Join) for branch in node.branches for name in branch}
    nodes = {node.id: node for node in graph.nodes}
    return _roll(graph, [_item(n, nodes, graph) for n in graph.nodes if n.id not in owned and not _is_beside(n)])


def flat(items: Sequence[Item]) -> tuple[Node, ...]:
    """All nodes of some items, in order."""
    found: list[Node] = []
    for item in items:
        match item:
            case Single(node):
                found.append(node)
            case Branches(_, branches):
                found.extend(node for branch in branches for node in flat(branch))
            case Turns(turns):
                found.extend(node for turn in turns for node in flat(turn))
    return tuple(found)


def stem(name: str) -> str:
    """A canonical name without its turns: `experts[3].ffn` is `experts.ffn`."""
    return _TURN.sub("", name)


def _is_beside(node: Node) -> bool:
    """Whether a node stands beside the stream, which a picture follows."""
    return isinstance(node, (Norm, Settle, *traits.BESIDE))


def _item(node: Node, nodes: dict[str, Node], graph: Graph) -> Item:
    if isinstance(node, Region):
        raise InternalError("report", "a diagram is made of the graph before passes")
    if not isinstance(node, Join):
        return Single(node)
    inner = [[_item(nodes[name], nodes, graph) for name in branch] for branch in node.branches]
    kept = [[i for i in branch if not (isinstance(i, Single) and isinstance(i.node, Norm))] for branch in inner]
    return Branches(node, tuple(_roll(graph, branch) for branch in kept))


def _roll(graph: Graph, items: Sequence[Item]) -> tuple[Item, ...]:
    """Fold the longest run of equal turns at each place, then fold inside a turn."""
    marks = [_mark(item, graph) for item in items]
    rolled: list[Item] = []
    at = 0
    while at < len(items):
        period, count = _longest(marks, at)
        if count == 1:
            rolled.append(items[at])
        else:
            starts = range(at, at + period * count, period)
            rolled.append(Turns(tuple(_roll(graph, items[s : s + period]) for s in starts)))
        at += period * count
    return tuple(rolled)


def _longest(marks: Sequence[Hashable], at: int) -> tuple[int, int]:
    """(period, count) of the repetition that starts at `at` and covers most; the shortest period wins."""
    best = (1, 1)
    for period in range(1, (len(marks) - at) // 2 + 1):
        count = 1
        while marks[at + count * period : at + (count + 1) * period] == marks[at : at + period]:
            count += 1
        if count > 1 and period * count > best[0] * best[1]:
            best = (period, count)
    return best


def _mark(item: Item, graph: Graph) -> Hashable:
    """What must agree for two items to be turns of one loop."""
    match item:
        case Single(Apply() as node):
            parts = graph.module[node.module.set].parts
            return (
                "apply",
                _same(node.site or node.module.set),
                _same(node.module.set),
                tuple(map(_of_any_turn, parts)),
            )
        case Single(Route() as node):
            fields = graph.router[node.router].fields
            members = tuple((stem(m.set), m.index, graph.module[m.set].parts) for m in (*node.candidates, *node.always))
            return ("route", _same(node.site), _same(node.router), fields, members)
        case Single(node):
            return (type(node).__name__, node.id)
        case Branches(_, branches):
            return ("branches", tuple(tuple(_mark(i, graph) for i in branch) for branch in branches))
        case Turns(turns):
            return ("turns", len(turns), tuple(_mark(i, graph) for i in turns[0]))


def _of_any_turn(part: Part) -> tuple[str, str, tuple[object, ...]]:
    """A part without what tells its turn."""
    return part.name, part.kind.name, tuple(arg for arg in part.kind.args if arg[0] not in BY_TURN)


def _same(name: str) -> str:
    """The part of a name that equal turns share; `transformer_2` is a second `transformer`."""
    return _AGAIN.sub("", stem(name))

"""Equal turns become one region, so that a compiler sees each distinct step once.

    h1 = route(h0) by hop[0] at hop[0] step 0 over (a[0:4]) ...
    h2 = route(h1) by hop[1] at hop[1] step 1 over (a[0:4]) ...

    h2 = region(h0) steps 0 1 {
      hop[0] -> hop[0] hop[1]
      h1 = route(h0) by hop[0] at hop[0] step 0 over (a[0:4]) ...
    }

Turns are equal where renaming sets of weights of the same make, routers and sites turns one into
the other. Beside the stream a turn may hand on who is here and what was given out: each turn reads
it where the first does. The run of turns that covers most nodes is rolled first, then what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dnac.ir import traits
from dnac.ir.graph import Apply, Embed, Graph, Head, Node, Norm, Presence, Region, Route, Tally
from dnac.passes.base import Pass, Phase

Renames = dict[str, str]


def apply(graph: Graph) -> Graph:
    """Roll the graph's own nodes; regions that stand already stay."""
    return replace(graph, nodes=_rolled(graph, graph.nodes))


@dataclass(frozen=True)
class _Run:
    """Equal turns: `renames` of each, the first one's nodes at `start`, `period` nodes a turn."""

    start: int
    period: int
    renames: tuple[Renames, ...]
    carried: tuple[tuple[str, int | None], ...]
    """What the first turn reads beside the stream, and the place in a turn of what the next one reads instead;
    None: the same in all turns."""

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Most nodes first; then turns that differ in an index alone, short ones, early ones."""
        changes = [(old, new) for turn in self.renames for old, new in turn.items()]
        tidy = all(_pattern(old) == _pattern(new) for old, new in changes)
        return (-self.period * len(self.renames), not tidy, self.period, self.start)


def _rolled(graph: Graph, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    best = _best_run(graph, nodes)
    if best is None:
        return nodes
    end = best.start + best.period * len(best.renames)
    region = _region(nodes[best.start : end], best)
    return (*_rolled(graph, nodes[: best.start]), region, *_rolled(graph, nodes[end:]))


def _best_run(graph: Graph, nodes: tuple[Node, ...]) -> _Run | None:
    shapes = [_shape(graph, node) for node in nodes]
    candidates = sorted(_candidates(shapes), key=lambda c: -c[1] * c[2])
    best: _Run | None = None
    for start, period, turns in candidates:
        if best and period * turns < -best.rank[0]:
            break
        run = _checked(graph, nodes, start, period, turns)
        if run and (best is None or run.rank < best.rank):
            best = run
    return best


def _candidates(shapes: Sequence[object]) -> Iterator[tuple[int, int, int]]:
    """(start, period, turns) of everything whose shapes repeat."""
    for period in range(1, len(shapes) // 2 + 1):
        equal = 0
        for start in range(len(shapes) - period - 1, -1, -1):
            equal = equal + 1 if shapes[start] is not None and shapes[start] == shapes[start + period] else 0
            if equal >= period:
                yield start, period, equal // period + 1


def _checked(graph: Graph, nodes: tuple[Node, ...], start: int, period: int, turns: int) -> _Run | None:
    """As many equal turns as there really are from `start` on, if two or more."""
    first = nodes[start : start + period]
    second = nodes[start + period : start + 2 * period]
    if not traits.is_stream(first[0]) and not isinstance(first[0], Norm):
        return None
    carried = _carried(first, second)
    if carried is None or not _is_closed(graph, first, carried):
        return None
    renames: list[Renames] = []
    for t in range(turns):
        turn = nodes[start + t * period : start + (t + 1) * period]
        before = nodes[start + (t - 1) * period : start + t * period] if t else ()
        found = _renaming(first, turn)
        follows = t == 0 or _follows(graph, turn, before, carried)
        if found is None or not follows or not _is_closed(graph, turn, carried):
            break
        renames.append(found)
    return _Run(start, period, tuple(renames), carried) if len(renames) > 1 else None


Carried = tuple[tuple[str, "int | None"], ...]


def _beside(turn: tuple[Node, ...]) -> tuple[str, ...]:
    """What a turn reads from outside beside the stream, in order."""
    known = {traits.inputs(turn[0])[0], *(node.id for node in turn)}
    return tuple(dict.fromkeys(v for node in turn for v in traits.inputs(node) if v not in known))


def _carried(first: tuple[Node, ...], second: tuple[Node, ...]) -> Carried | None:
    """What goes from turn to turn beside the stream; None where that cannot be."""
    places = {node.id: place for place, node in enumerate(first) if isinstance(node, (Presence, Tally))}
    before, now = _beside(first), _beside(second)
    if len(before) != len(now) or any(b != a and b not in places for a, b in zip(before, now, strict=True)):
        return None
    return tuple((a, None if a == b else places[b]) for a, b in zip(before, now, strict=True))


def _follows(graph: Graph, turn: tuple[Node, ...], before: tuple[Node, ...], carried: Carried) -> bool:
    """Whether a turn reads what the turn before it hands on, and nobody else does."""
    made = {node.id for node in turn}
    others = [node for node in graph.nodes if node.id not in {*made, *(n.id for n in before)}]
    last = traits.last_stream(before).id
    handed = tuple(value if place is None else before[place].id for value, place in carried)
    own = {last, *(before[place].id for _, place in carried if place is not None)}
    if traits.inputs(turn[0])[0] != last or _beside(turn) != handed:
        return False
    return not any(own & set(traits.inputs(node)) for node in others)


def _is_closed(graph: Graph, turn: tuple[Node, ...], carried: Carried) -> bool:
    """Whether a turn reads one stream and what is carried, and gives its last stream and what is carried."""
    made = {node.id for node in turn}
    x, last = traits.inputs(turn[0])[0], traits.last_stream(turn)
    read = {value for node in turn for value in traits.inputs(node)}
    is_whole = isinstance(turn[-1], traits.BESIDE) or last is turn[-1]
    if not is_whole or _is_gate(last) or not read <= {x, *made, *_beside(turn)}:
        return False
    inner = made - {last.id, *(turn[place].id for _, place in carried if place is not None)}
    outside = [node for node in graph.nodes if node.id not in made]
    if any(inner & set(traits.inputs(node)) for node in outside):
        return False
    # the branches of a join read increments, which a region does not give
    return not any(last.id in traits.inputs(n)[1:] for n in outside if not isinstance(n, (Apply, Route)))


def _is_gate(node: Node) -> bool:
    """A route that only computes gates for the nodes behind it."""
    return isinstance(node, Route) and not (node.runs or node.skips or node.always)


def _renaming(first: tuple[Node, ...], turn: tuple[Node, ...]) -> Renames | None:
    """What to rename in the first turn to get this one, or None. Their shapes are equal, so the makes are."""
    found: Renames = {}
    for a, b in zip(first, turn, strict=True):
        old, new = traits.named(a), traits.named(b)
        if len(old) != len(new) or any(found.setdefault(o, n) != n for o, n in zip(old, new, strict=True)):
            return None
    if len(set(found.values())) != len(found):
        return None
    values = dict(zip((*_values(first), *_beside(first)), (*_values(turn), *_beside(turn)), strict=True))
    shift = _first_step(turn) - _first_step(first)
    same = (
        replace(traits.renamed(traits.reading(a, values), found, shift), id=b.id) == b
        for a, b in zip(first, turn, strict=True)
    )
    return found if all(same) else None


def _region(nodes: tuple[Node, ...], run: _Run) -> Region:
    changed = [old for old in run.renames[0] if any(turn[old] != old for turn in run.renames)]
    turns = [nodes[t * run.period : (t + 1) * run.period] for t in range(len(run.renames))]
    last = nodes[-run.period :]
    carried = ((value, place) for value, place in run.carried)
    return Region(
        id=traits.last_stream(last).id,
        x=traits.inputs(nodes[0])[0],
        body=turns[0],
        renames=tuple(tuple((old, turn[old]) for old in changed) for turn in run.renames),
        steps=tuple(_first_step(turn) for turn in turns),
        carried=tuple((v, v, v) if p is None else (v, turns[0][p].id, last[p].id) for v, p in carried),
        origin=nodes[0].origin,
    )


def _shape(graph: Graph, node: Node) -> object:
    """What equal nodes of different turns have in common; None for nodes that no turn holds."""
    if isinstance(node, (Embed, Head, Region)):
        return None
    return (type(node), len(traits.inputs(node)), tuple(traits.make(graph, name) for name in traits.names(node)))


def _values(turn: tuple[Node, ...]) -> list[str]:
    return [traits.inputs(turn[0])[0], *(node.id for node in turn)]


def _first_step(turn: tuple[Node, ...]) -> int:
    """The first routing step of a turn; 0 for a turn without."""
    return next((node.step for node in turn if isinstance(node, Route)), 0)


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "0", name)


PASS = Pass(
    name="roll_steps",
    summary="equal turns become one region",
    phase=Phase.ROLL,
    level=2,
    apply=apply,
)

"""What the instructions of a schedule ask of a device: attention, grouped products, their weight gradients, orders.

A question is a group of candidates and a shape. Equal questions are asked once, whatever instruction
or turn asks them: an answer is a row of the cost table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnac import catalogue
from dnac.ir import traits
from dnac.ir.graph import Graph, Member, Origin, Part, Route
from dnac.kinds.base import HeadKind, ModuleKind, params_of
from dnac.passes import facts
from dnac.schedule import instructions as do
from dnac.schedule.chance import chances
from dnac.schedule.inside import part_sizes
from dnac.schedule.instruction_cost import step_places
from dnac.schedule.sizes import Sizes

GROUPS = ("attention", "product", "weight_gradient", "order")
"""Groups in which a choice is made, for all instructions of a net alike."""


@dataclass(frozen=True)
class Question:
    """A group of candidates, and the numbers of one shape, in a fixed order."""

    group: str
    shape: tuple[tuple[str, int], ...]

    def __getitem__(self, name: str) -> int:
        return dict(self.shape)[name]

    @property
    def key(self) -> str:
        """The shape as text: its name in a cost table."""
        return " ".join(f"{name}={number}" for name, number in self.shape)


@dataclass(frozen=True)
class Asked:
    """A question with who asks it: an instruction, so many times in a step (all its turns)."""

    out: str
    question: Question
    times: int
    origin: Origin | None = None


def question(group: str, **shape: int) -> Question:
    """Shorthand: `question("order", rows=4096, modules=16)`."""
    return Question(group, tuple(shape.items()))


def questions(graph: Graph, schedule: do.Schedule, sequences: int) -> list[Asked]:
    """All questions of a schedule for a batch, in order of its instructions."""
    asker = _Asker(graph, sequences, _uses(schedule.instructions, {}))
    return [*asker.scope(schedule.instructions, 1)]


def _uses(scope: Sequence[do.AnyInstruction], new: Mapping[str, str]) -> Counter[tuple[Member, ...]]:
    """How often each bank of modules runs in one step of training."""
    found: Counter[tuple[Member, ...]] = Counter()
    for i in scope:
        if isinstance(i, do.Run):
            found[tuple(Member(new.get(m.set, m.set), m.index) for m in i.modules)] += 1
        elif isinstance(i, do.Repeat):
            for turn in i.renames:
                found.update(_uses(i.body, dict(turn)))
    return found


class _Asker:
    def __init__(self, graph: Graph, sequences: int, uses: Counter[tuple[Member, ...]]) -> None:
        self.graph, self.sequences, self.uses = graph, sequences, uses
        self.sizes = Sizes(graph)
        self.routes = {n.step: n for n in traits.unrolled(graph.nodes) if isinstance(n, Route)}

    def scope(self, scope: Sequence[do.AnyInstruction], times: int) -> Iterator[Asked]:
        """The questions of one scope, each asked so many times."""
        places = step_places(scope)
        for i in scope:
            match i:
                case do.Repeat():
                    yield from self.scope(i.body, times * len(i.renames))
                case do.Run():
                    yield from self._run(i, self.routes[places[i.out]], times)
                case do.Sort():
                    rows = self._rows(self.routes[places[i.out]])
                    yield Asked(i.out, question("order", rows=rows, modules=len(i.runs)), times, i.origin)
                case do.Dense():
                    yield from self._dense(i, times)
                case do.Head():
                    yield from self._head(i, times)
                case _:
                    pass

    def _rows(self, route: Route) -> int:
        k = facts.chosen_per_token(self.graph.router[route.router])
        return self.sequences * self.graph.tokens * k

    def _run(self, i: do.Run, route: Route, times: int) -> Iterator[Asked]:
        router = self.graph.router[route.router]
        k, chance = facts.chosen_per_token(router), chances(self.graph, route)
        live = round(100 * sum(chance[slot] for slot in i.make.slots) / k)
        shared = {"live": live, "modules": len(i.modules)}
        for part in i.make.parts:
            numbers = _attention(self.graph, part)
            if numbers:
                shape = {"sequences": self.sequences, "tokens": self.graph.tokens, "choices": k, **shared, **numbers}
                group = "attention" if facts.field(router, "sees").name == "peers" else "wide_attention"
                yield Asked(i.out, question(group, **shape), times, i.origin)
        uses = self.uses[i.modules]
        for sizes in part_sizes(self.sizes, i.make.parts):
            for layer in sizes.layers:
                shape = {"rows": self._rows(route), **shared, "inner": layer.inner, "outer": layer.outer}
                yield Asked(i.out, question("product", **shape), times, i.origin)
                # asked once for all uses, hence in parts of the times that the instruction runs
                yield Asked(i.out, question("weight_gradient", uses=uses, **shape), times, i.origin)

    def _dense(self, i: do.Dense, times: int) -> Iterator[Asked]:
        parts, tokens = self.graph.module[i.module.set].parts, self.graph.tokens
        for part in parts:
            numbers = _attention(self.graph, part)
            if numbers:
                shape = {"sequences": self.sequences, "tokens": tokens, **numbers}
                yield Asked(i.out, question("dense_attention", **shape), times, i.origin)
        for sizes in part_sizes(self.sizes, parts):
            for layer in sizes.layers:
                shape = {"rows": self.sequences * tokens, "inner": layer.inner, "outer": layer.outer}
                yield Asked(i.out, question("dense_product", **shape), times, i.origin)

    def _head(self, i: do.Head, times: int) -> Iterator[Asked]:
        form = self.graph.weights[i.weights].kind
        kind: HeadKind = catalogue.get("head", form.name)
        width, outputs, tokens = self.graph.width, self.sizes.outputs, self.graph.tokens
        rows = self.sequences * (tokens if self.graph.is_text else 1)
        if kind.flops(params_of(kind, form), width, outputs, tokens):
            yield Asked(i.out, question("dense_product", rows=rows, inner=width, outer=outputs), times, i.origin)


def _attention(graph: Graph, part: Part) -> dict[str, int]:
    """Heads and reach of a part in which tokens mix; empty for others, and for kinds without heads."""
    kind: ModuleKind = catalogue.get("module", part.kind.name)
    params: Any = params_of(kind, part.kind)
    heads = getattr(params, "heads", None)
    if not kind.mixes_tokens or not kind.has_keys or not isinstance(heads, int):
        return {}
    inner: int = getattr(params, "width", None) or graph.width
    return {
        "heads": heads,
        "kv_heads": getattr(params, "kv_heads", None) or heads,
        "head_width": inner // heads,
        "causal": int(kind.is_causal(params)),
        "window": getattr(params, "window", None) or 0,
    }

"""What the names of a region's body stand for in each of its turns.

The body is written with the names of the first turn: sets of weights, routers, sites, routing steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.kinds.declared import buffers, declared, key_of
from dnac.lowering import draws, survey
from dnac.lowering.base import Call, StepRecord, StepStats
from dnac.lowering.foretold import Foretold
from dnac.lowering.frame import Frame
from dnac.lowering.routing import Load
from dnac.lowering.taps import Waiting
from dnac.schedule import instructions as do


@dataclass
class Results:
    """What the routing steps leave behind."""

    stats: list[StepStats] = field(default_factory=list)
    record: list[StepRecord] = field(default_factory=list)
    loads: dict[str, list[Load]] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    """Taps: which of them ask their heads is settled at the end, since some take turns."""
    foretold: list[Foretold] = field(default_factory=list)
    """What halting steps say of the end, until it is there."""
    spent: dict[str, list[Any]] = field(default_factory=dict)
    """Of each budget, what its routing steps cost so far (`budgets.Spent`)."""


@dataclass(frozen=True)
class TurnNames:
    """The names of one turn, by those of the first one."""

    keys: dict[str, str]
    """State-dict keys that differ."""
    words: Mapping[str, Tensor | int]
    """Sites and modules as words for draws; and which of its turns the router of each routing step is in."""
    numbers: dict[str, int]
    """Modules as numbers that are unique in the network."""
    routers: dict[str, str]
    steps: dict[int, int]
    """Routing steps."""


@dataclass
class Turn:
    """One turn of a region, or the whole network, while it runs."""

    frame: Frame
    call: Call
    weights: Mapping[str, Tensor]
    """By the state-dict keys of the first turn."""
    names: TurnNames
    results: Results


class Renamed(Mapping[str, Tensor]):
    """Weights of a turn by the names of the first turn."""

    def __init__(self, weights: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
        self.weights, self.names = weights, names

    def __getitem__(self, key: str) -> Tensor:
        return self.weights[self.names.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)


class Names:
    """Sites, modules and state-dict keys of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._keys = [entry.key for entry in declared(graph)] + [key for key, _ in buffers(graph)]
        members = [
            entry.name if entry.count is None else f"{entry.name}[{n}]"
            for entry in graph.modules
            for n in range(entry.count or 1)
        ]
        self._number = {name: n for n, name in enumerate(members)}
        self._used = dict(_uses(graph))

    def whole(self, instructions: Iterable[do.AnyInstruction]) -> TurnNames:
        """Names outside all regions: they stand for themselves."""
        listed = tuple(instructions)
        steps = {step: step for step in survey.routing_steps(listed)}
        return TurnNames({}, self._words(listed, {}), self._numbers(listed, {}), {}, steps)

    def turns(self, region: do.Repeat) -> tuple[TurnNames, ...]:
        """Names of each turn of a region."""
        inside = tuple(survey.routing_steps(region.body))
        return tuple(
            TurnNames(
                keys=self._renamed_keys(new),
                words=self._words(region.body, new),
                numbers=self._numbers(region.body, new),
                routers=new,
                steps={s: s - region.steps[0] + first for s in inside},
            )
            for new, first in zip(map(dict, region.renames), region.steps, strict=True)
        )

    def keys_of(self, sets: Iterable[str]) -> Iterator[str]:
        """State-dict keys of sets of weights, in the order of the graph's tables."""
        starts = tuple({f"{key_of(name)}." for name in sets})
        return (key for key in self._keys if key.startswith(starts))

    def _renamed_keys(self, new: Mapping[str, str]) -> dict[str, str]:
        return {
            key: key_of(name) + key[len(key_of(old)) :]
            for old, name in new.items()
            if old != name
            for key in self._keys
            if key.startswith(f"{key_of(old)}.")
        }

    def _words(self, instructions: Iterable[do.AnyInstruction], new: Mapping[str, str]) -> dict[str, int]:
        listed = tuple(instructions)
        words = {name: draws.name_word(survey.renamed(name, new)) for name in _named(listed)}
        sites = (i.site for i in listed if isinstance(i, do.Route))
        return words | {turn_of(site): self._used[survey.renamed(site, new)] for site in sites}

    def _numbers(self, instructions: Iterable[do.AnyInstruction], new: Mapping[str, str]) -> dict[str, int]:
        found = {name: self._number.get(survey.renamed(name, new)) for name in _named(instructions)}
        return {name: number for name, number in found.items() if number is not None}


def turn_of(site: str) -> str:
    """Among the words of a turn: how often the router of the routing step at `site` was used before."""
    return f"turn of {site}"


def _uses(graph: Graph) -> Iterator[tuple[str, int]]:
    """(site, uses of its router before it) of each routing step."""
    counts: Counter[str] = Counter()
    for node in traits.unrolled(graph.nodes):
        if isinstance(node, Route):
            yield node.site, counts[node.router]
            counts[node.router] += 1


def _named(instructions: Iterable[do.AnyInstruction]) -> dict[str, None]:
    return dict.fromkeys(name for i in instructions for name in survey.names(i))

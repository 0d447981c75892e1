"""What of a network can be taken away, and taking it away for a while.

A part's increment is zero where all its weights are: `x + f(x)` is then `x`. So parts and modules are
ablated in every lowering alike, wherever they are used, and intact numbers come back to the bit. A
routing step is ablated by module gates of zero (`Call.module_gates`): the choices are made, nothing is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dnac import catalogue
from dnac.ir.graph import Graph, Member, ModuleSet, Part
from dnac.kinds.base import ModuleKind, params_of
from dnac.kinds.declared import key_of
from dnac.kinds.facts import WeightSpec
from dnac.kinds.place import site_of
from dnac.lowering.folded import folded_steps
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.text.suggest import nearest
from dnac.train import errors_ablate as errors
from dnac.train.routing import RoutingStep, routing_steps

KINDS = {"attn": "attention", "ffn": "mlp"}
"""Short words for the two kinds that most nets are made of."""


@dataclass(frozen=True)
class Ablation:
    """What is taken away together."""

    name: str
    parts: tuple[str, ...] = ()
    """Canonical names, each once: `nodes.block[3].attention`."""
    weights: tuple[tuple[str, int | None], ...] = ()
    """State-dict key, and place on its stacking axis (None: all of it)."""
    steps: tuple[int, ...] = ()
    """Routing steps whose modules add nothing."""

    def __add__(self, other: Ablation) -> Ablation:
        return Ablation(
            f"{self.name}+{other.name}" if self.name else other.name,
            tuple(dict.fromkeys((*self.parts, *other.parts))),
            tuple(dict.fromkeys((*self.weights, *other.weights))),
            tuple(dict.fromkeys((*self.steps, *other.steps))),
        )


class Anatomy:
    """The parts, modules and routing steps of a network, by name."""

    def __init__(self, network: Network) -> None:
        self._graph: Graph = network.graph
        self._site = site_of(network.graph)
        folded = {step.step for step in folded_steps(network.graph, network.schedule)}
        every = routing_steps(network.graph)
        self._steps = [step for step in every if step.step not in folded]
        self._fixed = [step for step in every if step.step in folded]

    def find(self, text: str) -> Ablation:
        """`attn`, `ffn`, a kind's word, a name of a module, pool, part or routing step; several joined by `+`.

        Raises:
            Faults: DNA645, there is nothing of that name that adds to the stream.
        """
        found = Ablation("")
        for word in text.split("+"):
            found = found + self._one(word.strip())
        return found

    def usual(self) -> list[Ablation]:
        """All attention, all mlps, and both; those that the net has."""
        held = {part.kind.name for entry in self._graph.modules for part in entry.parts}
        words = [word for word, kind in KINDS.items() if kind in held]
        return [self.find(word) for word in (*words, *(["+".join(words)] if len(words) > 1 else []))]

    def parts(self) -> list[Ablation]:
        """Each part of each set of modules, all modules of the set together."""
        return [self._of_set(entry, part) for entry in self._computing() for part in entry.parts]

    def modules(self) -> list[tuple[Member, Ablation]]:
        """Each module that computes, by itself."""
        places = [(e, i) for e in self._computing() for i in ([None] if e.count is None else range(e.count))]
        return [(Member(e.name, i), self._of_set(e, index=i)) for e, i in places]

    def steps(self) -> list[Ablation]:
        """Each routing step by itself."""
        return [Ablation(step.site, (step.site,), (), (step.step,)) for step in self._steps]

    def _one(self, word: str) -> Ablation:
        parts = self._of_kind(word) or self._of_name(word)
        sites = [step for step in self._steps if _belongs(step.site, word)]
        if parts and not sites:
            return Ablation(word, *_joined(parts))
        if sites and not parts:
            return Ablation(word, tuple(s.site for s in sites), (), tuple(s.step for s in sites))
        if fixed := [step for step in self._fixed if _belongs(step.site, word)]:
            raise Faults(errors.fixed_step(word, str(fixed[0].candidates[0].set)))
        raise Faults(errors.nothing_to_ablate(word, nearest(word, self._names()), self._names()))

    def _of_kind(self, word: str) -> list[Ablation]:
        kind = KINDS.get(word, word)
        every = [(entry, part) for entry in self._graph.modules for part in entry.parts]
        return [self._of_set(entry, part) for entry, part in every if part.kind.name == kind]

    def _of_name(self, word: str) -> list[Ablation]:
        found = list[Ablation]()
        for entry in self._graph.modules:
            if _belongs(entry.name, word) and (entry in self._computing() or (entry.parts and word == entry.name)):
                found.append(self._of_set(entry))
                continue
            for index in range(entry.count or 0):
                if word == f"{entry.name}[{index}]":
                    found.append(self._of_set(entry, index=index))
            for part in entry.parts:
                for index in (None, *range(entry.count or 0)):
                    if part.name and word == f"{Member(entry.name, index)}.{part.name}":
                        found.append(self._of_set(entry, part, index))
        return found

    def _of_set(self, entry: ModuleSet, part: Part | None = None, index: int | None = None) -> Ablation:
        member = str(Member(entry.name, index))
        chosen = [part] if part else list(entry.parts)
        keys = tuple((key, index) for each in chosen for key in self._keys(entry, each))
        names = tuple(".".join(n for n in (member, each.name) if n) for each in chosen)
        return Ablation(names[0] if part else member, names, keys)

    def _computing(self) -> list[ModuleSet]:
        """Sets of modules that have weights: ways out and fixed positions have none."""
        return [e for e in self._graph.modules if e.parts and all(self._weights(part) for part in e.parts)]

    def _weights(self, part: Part) -> Sequence[WeightSpec]:
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        return kind.weights(params_of(kind, part.kind), self._site)

    def _keys(self, entry: ModuleSet, part: Part) -> list[str]:
        """State-dict keys of all weights of a part."""
        specs = self._weights(part)
        if not specs:
            raise Faults(errors.without_weights(entry.name, part.kind.name))
        return [key_of(*part.home(entry.name), spec.name) for spec in specs]

    def _names(self) -> list[str]:
        sets = [entry.name for entry in self._graph.modules if entry.parts]
        return [*KINDS, *sets, *(step.site for step in self._steps)]


@contextmanager
@torch.no_grad()
def without(network: Network, ablation: Ablation) -> Iterator[None]:
    """The network without the ablation's parts and modules; afterwards it is as it was, to the bit."""
    state = network.state_dict()
    views = [state[key] if index is None else state[key][index] for key, index in ablation.weights]
    held = [view.clone() for view in views]
    try:
        for view in views:
            view.zero_()
        yield
    finally:
        for view, old in zip(views, held, strict=True):
            view.copy_(old)


def gates(network: Network, ablation: Ablation) -> tuple[Tensor, ...] | None:
    """[M] for each routing step: 0 at the ablation's steps, else 1; None where it takes no step away."""
    if not ablation.steps:
        return None
    device = next(network.parameters()).device
    steps: Sequence[RoutingStep] = routing_steps(network.graph)
    values = [0.0 if step.step in ablation.steps else 1.0 for step in steps]
    return tuple(torch.full((len(s.candidates),), v, device=device) for s, v in zip(steps, values, strict=True))


def _belongs(name: str, word: str) -> bool:
    """`nodes.block` to `nodes`, `hop[3]` to `hop`."""
    return name == word or name.startswith((f"{word}.", f"{word}["))


def _joined(found: Sequence[Ablation]) -> tuple[tuple[str, ...], tuple[tuple[str, int | None], ...]]:
    return tuple(n for each in found for n in each.parts), tuple(w for each in found for w in each.weights)

"""How many parameters each set of weights holds, from the weights that the kinds declare."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import prod

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph, ModuleSet, Part
from dnac.kinds.base import EmbedKind, InputKind, ModuleKind, Params, Site, WeightSpec, params_of
from dnac.kinds.router import router_weights


class Sizes:
    """The sizes of one graph's weights."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        embed = next(s for s in graph.shared if s.role == "embed")
        kind: EmbedKind = catalogue.get("embed", embed.kind.name)
        positions = kind.hands_on(params_of(kind, embed.kind))
        self.site = Site(graph.width, graph.tokens, graph.is_text, positions)
        self._modules: dict[str, int] = {}

    @cached_property
    def total_params(self) -> int:
        """All parameters of the network."""
        return sum(self.params.values())

    @cached_property
    def params(self) -> dict[str, int]:
        """Parameters of each set of weights, all its modules together."""
        found = {m.name: self._own_params(m) * (m.count or 1) for m in self.graph.modules}
        found |= {s.name: _size(self._shared_weights(s.role, s.kind)) for s in self.graph.shared}
        # an inline router may have the name of a set: both count
        return {**found, **{name: found.get(name, 0) + size for name, size in self.router_params.items()}}

    @cached_property
    def router_params(self) -> dict[str, int]:
        """Parameters of each router."""
        return {r.name: _size(router_weights(r.fields, self.graph.width, r.size)) for r in self.graph.routers}

    def module_params(self, name: str) -> int:
        """Parameters of one module of a set."""
        if name not in self._modules:
            self._modules[name] = sum(_size(self.part_weights(part)) for part in self.graph.module[name].parts)
        return self._modules[name]

    def _own_params(self, entry: ModuleSet) -> int:
        return sum(_size(self.part_weights(part)) for part in entry.parts if part.of is None)

    def part_weights(self, part: Part) -> tuple[WeightSpec, ...]:
        """The weights of one part of one module."""
        kind: ModuleKind = catalogue.get("module", part.kind.name)
        return kind.weights(params_of(kind, part.kind), self.site)

    @cached_property
    def source(self) -> Params:
        """The params of the input."""
        kind: InputKind = catalogue.get("input", self.graph.input.name)
        return params_of(kind, self.graph.input)

    @cached_property
    def outputs(self) -> int:
        """How many logits a head gives."""
        kind: InputKind = catalogue.get("input", self.graph.input.name)
        return kind.outputs(self.source)

    def _shared_weights(self, role: str, form: Form) -> tuple[WeightSpec, ...]:
        if role == "norm":
            gain = (WeightSpec("gain", (self.graph.width,), Form("ones"), decays=False),)
            return gain if form.name != "none" else ()
        kind = catalogue.get(role, form.name)
        if role == "embed":
            return kind.weights(params_of(kind, form), self.source)
        return kind.weights(params_of(kind, form), self.graph.width, self.outputs)


def _size(weights: Iterable[WeightSpec]) -> int:
    return sum(prod(weight.shape) for weight in weights)

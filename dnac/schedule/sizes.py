"""How many parameters each set of weights holds, from the weights that the kinds declare."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import prod

from dnac import catalogue
from dnac.ir.graph import Graph, Part
from dnac.kinds.base import InputKind, ModuleKind, Params, WeightSpec, params_of
from dnac.kinds.declared import declared
from dnac.kinds.place import site_of


class Sizes:
    """The sizes of one graph's weights."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.site = graph, site_of(graph)
        self._modules: dict[str, int] = {}

    @cached_property
    def total_params(self) -> int:
        """All parameters of the network."""
        return sum(self.params.values())

    @cached_property
    def trained_params(self) -> int:
        """Parameters of the network that training changes: all but frozen ones."""
        return sum(prod(each.shape) for each in declared(self.graph) if each.trains)

    @cached_property
    def params(self) -> dict[str, int]:
        """Parameters of each set of weights, all its modules together."""
        found = {entry.name: 0 for entry in (*self.graph.modules, *self.graph.shared, *self.graph.routers)}
        for each in declared(self.graph):  # an inline router may have the name of a set: both count
            found[each.set] += prod(each.shape)
        return found

    @cached_property
    def router_params(self) -> dict[str, int]:
        """Parameters of each router."""
        found = {router.name: 0 for router in self.graph.routers}
        for each in (each for each in declared(self.graph) if each.of_router):
            found[each.set] += prod(each.shape)
        return found

    def module_params(self, name: str) -> int:
        """Parameters of one module of a set."""
        if name not in self._modules:
            self._modules[name] = sum(_size(self.part_weights(part)) for part in self.graph.module[name].parts)
        return self._modules[name]

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


def _size(weights: Iterable[WeightSpec]) -> int:
    return sum(prod(weight.shape) for weight in weights)

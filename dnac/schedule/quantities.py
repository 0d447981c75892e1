"""The numbers of a plan, each counted when it is asked for: what an `assert` may compare."""

from __future__ import annotations

from functools import cached_property

from dnac.ir.graph import Graph, Route
from dnac.ir.traits import unrolled
from dnac.schedule.cost import Costs, Range
from dnac.semantics.result import CheckedNet


class Quantities:
    """The numbers of one net by their names in the plan's JSON; `params` alone is the total."""

    def __init__(self, net: CheckedNet) -> None:
        self.graph = net.graph
        self.costs = Costs(net.graph)

    def __getitem__(self, name: str) -> int:
        """One number.

        Raises:
            KeyError: there is no number of this name.
        """
        match name.partition("."):
            case ("params", _, "" | "total"):
                return self.costs.total_params
            case ("params", _, case):
                return cases(self.costs.active_params, "active_")[case]
            case ("flops_per_token", _, case):
                return cases(self._flops)[case]
            case ("routing_steps", _, ""):
                return routing_steps(self.graph)
            case ("modules", _, ""):
                return module_count(self.graph)
            case ("paths", _, ""):
                from dnac.schedule.paths import paths

                return paths(self.graph)
            case _:
                raise KeyError(name)

    @cached_property
    def _flops(self) -> Range:
        """Of what runs: a choice that never varies costs no routing."""
        from dnac.passes.pipeline import optimize

        return Costs(optimize(self.graph)).flops


def routing_steps(graph: Graph) -> int:
    """How many routing decisions a token takes."""
    return sum(isinstance(node, Route) for node in unrolled(graph.nodes))


def module_count(graph: Graph) -> int:
    """Declared modules, each member of a pool once, identities too."""
    return sum(1 if m.count is None else m.count for m in graph.modules)


def cases(cost: Range, prefix: str = "") -> dict[str, int]:
    """The least, the expected and the most of a cost, in whole numbers."""
    return {f"{prefix}{case}": round(value) for case, value in cost._asdict().items()}

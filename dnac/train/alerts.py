"""Says when routing has collapsed: three logged train steps in a row must agree, so that one odd
batch raises no alarm, and a site is told of once until it has recovered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.text.diagnostic import Diagnostic
from dnac.train import errors
from dnac.train.events import Line
from dnac.train.routing import routing_steps

PATIENCE = 3
"""Logged train steps in a row."""
NEARLY_ALL = 0.95
"""Share of tokens that choose one and the same candidate."""
FOR_ALL = ("batch", "network")
"""Scopes of one decision for all tokens of a micro-batch or more."""
MOSTLY_DEAD = 0.5
"""Share of a routing step's candidates that no token chose."""


class Alerts:
    """Watches the lines of metrics. `state` goes into checkpoints."""

    def __init__(self, graph: Graph, state: Mapping[str, int] | None = None) -> None:
        self._limits = {
            step.site: _slots(graph.router[step.router].fields, len(step.candidates))
            for step in routing_steps(graph)
            if _slots(graph.router[step.router].fields, len(step.candidates)) < len(step.candidates)
        }
        self._steps = {step.site: step for step in routing_steps(graph)}
        self._balanced = {router.name for router in graph.routers if router.fields.get("balance")}
        self.state: dict[str, int] = dict(state or {})

    def watch(self, line: Line) -> list[Diagnostic]:
        """Alerts that this line raises."""
        found: list[Diagnostic] = []
        for site, k in self._limits.items():
            what = _collapse(line["routing"][site], k, [str(member) for member in self._steps[site].candidates])
            self.state[site] = self.state.get(site, 0) + 1 if what else 0
            if what and self.state[site] == PATIENCE:
                step = self._steps[site]
                balanced = step.router in self._balanced
                found.append(errors.routing_collapsed(line["step"], site, what, step.origin, is_balanced=balanced))
        return found


def _collapse(entry: Mapping[str, Any], k: int, names: Sequence[str]) -> str | None:
    """What is wrong with one routing step's load, in words; None where nothing is. names: of its candidates."""
    load: list[float] = entry["load"]
    share = max(load) * k
    if share > NEARLY_ALL and k < len(load):
        return f"`{names[load.index(max(load))]}` is chosen for {min(share, 1):.0%} of the tokens"
    if len(entry["dead"]) > MOSTLY_DEAD * len(load) and len(load) > 2 * k:
        return f"{len(entry['dead'])} of {len(load)} candidates get no token"
    return None


def _slots(fields: Form, size: int) -> int:
    """K of a router; `size` where the choice is no `top`, or where the file asks for one choice for all tokens."""
    choose, scope, start = fields["choose"], fields.get("scope"), fields.get("start")
    if (isinstance(scope, Form) and scope.name in FOR_ALL) or (isinstance(start, Form) and start.name != "none"):
        return size
    k = choose.get("k") if isinstance(choose, Form) and choose.name == "top" else None
    return k if isinstance(k, int) else size

"""Choose and order the passes of a level, and verify the graph after each.

Order: by phase; inside a phase by `after`, then by name. A new file in `passes/rewrites` takes its
place without another edit; the order of each level is a golden (`tests/golden/pipeline`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.ir.verify import verify
from dnac.passes.base import Pass
from dnac.text.diagnostic import InternalError

Level = Literal["O0", "O1", "O2"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""O0: only what lowering needs. O1: less work, the same steps. O2: everything."""

Observe = Callable[[str, Graph], None]
"""Called with a pass's name and the graph it gave (and with `elaborate` and the graph at the start)."""


def optimize(graph: Graph, level: str = "O2", observe: Observe | None = None) -> Graph:
    """The graph after all passes of a level.

    Raises:
        InternalError: a pass broke a rule of the graph.
        ValueError: there is no such level.
    """
    verify(graph, "elaborate")
    if observe:
        observe("elaborate", graph)
    for step in passes(level):
        graph = _applied(step, graph)
        if observe:
            observe(step.name, graph)
    return graph


def passes(level: str = "O2") -> tuple[Pass, ...]:
    """The passes of a level in the order in which they run."""
    if level not in LEVELS:
        raise ValueError(f"no level {level}; there are {', '.join(LEVELS)}")
    found: list[Pass] = [catalogue.get("rewrite", name) for name in catalogue.names("rewrite")]
    waiting = sorted((p for p in found if p.level <= LEVELS.index(level)), key=lambda p: (p.phase, p.name))
    ordered: list[Pass] = []
    while waiting:
        step = next((p for p in waiting if _is_ready(p, waiting)), None)
        if step is None:
            raise InternalError("passes.pipeline", f"{waiting[0].name} waits for a pass that waits for it")
        waiting.remove(step)
        ordered.append(step)
    return tuple(ordered)


def _is_ready(step: Pass, waiting: list[Pass]) -> bool:
    return step.phase == waiting[0].phase and not any(p.name in step.after for p in waiting)


def _applied(step: Pass, graph: Graph) -> Graph:
    changed = step.apply(graph)
    verify(changed, f"pass {step.name}")
    before, after = _weights(graph), _weights(changed)
    if before != after:
        raise InternalError(f"pass {step.name}", "a pass changed the names or shapes of weights")
    return changed


def _weights(graph: Graph) -> tuple[object, ...]:
    """What no pass may change."""
    return (graph.shared, graph.modules, tuple((r.name, r.size) for r in graph.routers))

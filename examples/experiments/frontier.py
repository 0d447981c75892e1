"""Against dense nets of as much work: what a routed net costs is measured, so it lies between two dense depths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from claims import Result, value_of


def beside(
    results: Sequence[Result], dense: Sequence[str], work: str, measure: str = "loss", log: bool = True
) -> list[Result]:
    """The results, each routed one with a figure `excess`: its `measure` less that of the dense frontier.

    The frontier is that of the same seed, at the same `work` (a figure by name), straight between the depths `dense`
    (arms by name), in log work or in work itself. None where a depth is missing, where the work is outside of them
    all, and for the dense.
    """
    found: list[Result] = []
    for result in results:
        same = [r for r in results if r["arm"] in dense and r["seed"] == result["seed"]]
        points = [(value_of(r, work), value_of(r, measure)) for r in same]
        is_whole = len(points) == len(dense) and result["arm"] not in dense
        there = on_frontier(value_of(result, work), points, log) if is_whole else None
        excess = None if there is None else value_of(result, measure) - there
        found.append({**result, "figures": {**result["figures"], "excess": excess}})
    return found


def on_frontier(work: float, points: Sequence[tuple[float, float]], log: bool = True) -> float | None:
    """The figure at so much work: between its neighbours (work, figure), straight in (log) work; None outside."""
    scale = math.log if log else float
    for (x0, y0), (x1, y1) in pairwise(sorted(points)):
        if x0 * (1 - 1e-9) <= work <= x1 * (1 + 1e-9):  # a work that another sum of the same gave
            return y0 + (y1 - y0) * (scale(work) - scale(x0)) / (scale(x1) - scale(x0))
    return None

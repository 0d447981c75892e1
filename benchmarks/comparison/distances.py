"""How far a net lies from the dense frontier of the same seed, at a cost that both were measured to have."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import arms as chosen
from frontier import on_frontier as on_frontier

from dnac.train.intervals import estimate

Result = Mapping[str, Any]
Measure = Callable[[Mapping[str, Any]], float]
FLOPS, TIME, LAUNCHED = "active_flops_per_token", "step_ms", "launched_ms"
"""Work, and milliseconds of a train step: as `dnac train` runs it, and launched kernel by kernel."""


def loss(figures: Mapping[str, Any]) -> float:
    """The held-out loss."""
    return figures["loss"]


def of(results: Sequence[Result], arm: str) -> dict[int, Mapping[str, Any]]:
    """Figures of an arm by seed."""
    return {r["seed"]: r["figures"] for r in results if r["arm"] == arm}


def distances(results: Sequence[Result], arm: str, cost: str, measure: Measure = loss) -> dict[int, float]:
    """For each seed: the arm's measure less that of the dense frontier of the same seed at the same cost.

    Left out: seeds without the cost, and costs outside of all depths.
    """
    dense = [of(results, a.name) for a in chosen.FRONTIER if a.name != arm]
    found = {}
    for seed, figures in of(results, arm).items():
        same = [d[seed] for d in dense if seed in d and d[seed].get(cost)]
        there = on_frontier(figures[cost], [(f[cost], measure(f)) for f in same]) if figures.get(cost) else None
        if there is not None:
            found[seed] = measure(figures) - there
    return found


def from_medians(results: Sequence[Result], arm: str, cost: str) -> dict[int, float]:
    """The same against the median loss of each depth over its seeds, which one bad seed of a depth does not move."""
    points = []
    for name in (a.name for a in chosen.FRONTIER if a.name != arm):
        own = [f for f in of(results, name).values() if f.get(cost)]
        if own:
            points.append((statistics.fmean(f[cost] for f in own), statistics.median(map(loss, own))))
    there = {seed: on_frontier(f[cost], points) for seed, f in of(results, arm).items() if f.get(cost)}
    return {seed: of(results, arm)[seed]["loss"] - at for seed, at in there.items() if at is not None}


def beyond(results: Sequence[Result], arm: str, cost: str) -> tuple[str, float, dict[int, float]] | None:
    """For an arm outside of the frontier: the nearest dense depth, how many times its cost, and the differences."""
    own = [f for f in of(results, arm).values() if f.get(cost)]
    costs = {a.name: f[cost] for a in chosen.FRONTIER for f in of(results, a.name).values() if f.get(cost)}
    if not own or not costs:
        return None
    name = (max if own[0][cost] > max(costs.values()) else min)(costs, key=costs.__getitem__)
    dense = of(results, name)
    gaps = {seed: f["loss"] - dense[seed]["loss"] for seed, f in of(results, arm).items() if seed in dense}
    return name, own[0][cost] / costs[name], gaps


def shown(gaps: Sequence[float], digits: int = 4) -> str:
    """The mean of paired differences with its 95 % interval."""
    if not gaps:
        return ""
    found = estimate(gaps)
    if found.low is None or found.high is None:
        return f"{found.mean:+.{digits}f}"
    return f"{found.mean:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


def at_equal(results: Sequence[Result], arm: str, cost: str) -> str:
    """The cell of a table: against the dense frontier at equal cost, or against the depth that comes nearest."""
    inside = distances(results, arm, cost)
    if inside:
        return shown([*inside.values()])
    outside = beyond(results, arm, cost)
    if outside is None or arm in {a.name for a in chosen.FRONTIER}:
        return ""
    name, times, gaps = outside
    return f"outside: {times:.1f} times {name}, {shown([*gaps.values()])} against it" if gaps else "outside"

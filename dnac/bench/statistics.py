"""Medians, quartiles and ratios of timings, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers, and the half of them around it."""

    median: float
    low: float
    """A quarter of the numbers are below."""
    high: float
    """A quarter are above."""
    count: int

    def as_json(self) -> dict[str, float | int]:
        """For `--json`."""
        return {"median": self.median, "q1": self.low, "q3": self.high, "n": self.count}


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return Spread(_at(ordered, 0.5), _at(ordered, 0.25), _at(ordered, 0.75), len(ordered))


def ratios(baseline: Sequence[float], ours: Sequence[float]) -> Spread:
    """By how much `ours` is faster: the baseline's time over ours, turn by turn, since a machine drifts."""
    return spread([a / b for a, b in zip(baseline, ours, strict=True)])


def saving(t0: float, ts: float, floor: float, share: float) -> float:
    """How much of what `share` of identities could save was saved: (t0 - ts) / (share (t0 - floor))."""
    return (t0 - ts) / (share * (t0 - floor))


def _at(ordered: Sequence[float], share: float) -> float:
    """A quantile, linear between neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])

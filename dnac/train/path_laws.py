"""Whether counts follow a power law, by maximum likelihood, or a lognormal (Clauset, Shalizi, Newman, arXiv 0706.1062).

Counts are whole numbers, such as how many tokens took each path. Both laws are discrete and start at xmin,
the value at which the power law lies nearest to the data (Kolmogorov-Smirnov). Which of both fits better is told
by Vuong's test of the likelihood ratio. A straight line on paper with logarithmic axes tells neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
LEAST = 50
"""Counts at and above xmin, and different values among them at least `DISTINCT`, below which nothing is fitted."""
DISTINCT = 5
CANDIDATES = 60
"""Values tried for xmin at most."""
_TINY = 1e-300
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Laws:
    """Both fits over the same tail."""

    xmin: int
    tail: int
    """Counts at or above xmin."""
    alpha: float
    """Exponent: p(x) is proportional to x^-alpha. Ranked by size, frequencies fall with slope -1 / (alpha - 1)."""
    alpha_error: float
    """Standard error of alpha, (alpha - 1) / sqrt(tail)."""
    distance: float
    """Kolmogorov-Smirnov distance of the power law."""
    mu: float
    sigma: float
    """Of the lognormal."""
    vuong: float
    """Log likelihood ratio over its spread: positive for the power law."""
    p: float
    """Two-sided; large: the data do not tell the laws apart."""

    @property
    def verdict(self) -> str:
        """In words, at 5 %."""
        if self.p >= 0.05:
            return "not told apart"
        return "power law" if self.vuong > 0 else "lognormal"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "verdict": self.verdict}


def laws(counts: Sequence[int]) -> Laws | None:
    """Both laws fitted to counts of at least 1; None where too few are left to fit."""
    values, times = np.unique(np.asarray([c for c in counts if c > 0], dtype=np.int64), return_counts=True)
    starts = [i for i in range(len(values)) if times[i:].sum() >= LEAST and len(values) - i >= DISTINCT]
    if not starts:
        return None
    tried = starts if len(starts) <= CANDIDATES else [starts[i] for i in _spaced(len(starts))]
    fits = [(_power(values[i:], times[i:]), i) for i in tried]
    (distance, alpha), start = min(fits, key=lambda fit: fit[0][0])
    tail, weight = values[start:].astype(np.float64), times[start:].astype(np.float64)
    mu, sigma = _lognormal(tail, weight)
    power, other = _log_power(tail, alpha), _log_lognormal(tail, mu, sigma)
    n, gaps = float(weight.sum()), power - other
    ratio = float((weight * gaps).sum())
    spread = math.sqrt(max(float((weight * (gaps - ratio / n) ** 2).sum()) / n, _TINY))
    vuong = ratio / (spread * math.sqrt(n))
    error = (alpha - 1) / math.sqrt(n)
    p = math.erfc(abs(vuong) / math.sqrt(2))
    return Laws(int(tail[0]), int(n), alpha, error, distance, mu, sigma, vuong, p)


def zeta(s: float, a: float | Array) -> Array:
    """Hurwitz's zeta, sum over k >= 0 of (a + k)^-s for s > 1, by Euler and Maclaurin after twelve terms."""
    a = np.atleast_1d(np.asarray(a, dtype=np.float64))
    terms = (a[:, None] + np.arange(12)) ** -s
    b = a + 12
    rest = b ** (1 - s) / (s - 1) + 0.5 * b**-s + s / 12 * b ** (-s - 1)
    return terms.sum(1) + rest - s * (s + 1) * (s + 2) / 720 * b ** (-s - 3)


def _spaced(n: int) -> list[int]:
    return sorted({round(x) for x in np.linspace(0, n - 1, CANDIDATES)})


def _power(values: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """Distance and exponent of the power law that starts at the first value."""
    x, w = values.astype(np.float64), times.astype(np.float64)
    n, logs = w.sum(), float((w * np.log(x)).sum())
    alpha = _least(lambda a: float(n * math.log(zeta(a, x[0])[0]) + a * logs), 1.01, 8.0)
    there = 1 - zeta(alpha, x + 1) / zeta(alpha, x[0])
    return float(np.abs(np.cumsum(w) / n - there).max()), alpha


def _log_power(x: Array, alpha: float) -> Array:
    return -alpha * np.log(x) - math.log(zeta(alpha, x[0])[0])


def _lognormal(x: Array, w: Array) -> tuple[float, float]:
    """mu and sigma of the largest likelihood: from a few starts, each by Nelder and Mead."""
    logs = np.log(x)
    mean = float((w * logs).sum() / w.sum())
    spread = max(math.sqrt(float((w * (logs - mean) ** 2).sum() / w.sum())), 0.1)

    def cost(at: Sequence[float]) -> float:
        if abs(at[1]) > 3.5:
            return math.inf
        return -float((w * _log_lognormal(x, at[0], math.exp(at[1]))).sum())

    starts = [
        (mean, math.log(spread)),
        (mean - spread, math.log(1.5 * spread)),
        (mean - 5 * spread, math.log(3 * spread)),
    ]
    best = min((_simplex(cost, start) for start in starts), key=cost)
    return best[0], math.exp(best[1])


def _log_lognormal(x: Array, mu: float, sigma: float) -> Array:
    """Log of the part of a lognormal between x - 1/2 and x + 1/2, among all above xmin - 1/2."""
    low, high = (_log_upper((np.log(x + half) - mu) / sigma) for half in (-0.5, 0.5))
    return low + np.log(-np.expm1(np.minimum(high - low, -1e-15))) - low[0]


def _log_upper(z: Array) -> Array:
    """Log of the normal distribution's part above z; far out by its series, where the part itself is too small."""
    near = np.array([math.log(0.5 * math.erfc(v / math.sqrt(2))) if v < 20 else 0.0 for v in z])
    far = np.maximum(z, 20.0)
    series = np.log1p(-(far**-2) + 3 * far**-4 - 15 * far**-6)
    return np.where(z < 20, near, -(far**2) / 2 - np.log(far * math.sqrt(2 * math.pi)) + series)


def _least(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is least, by the golden section."""
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = cost(a), cost(b)
    while high - low > 1e-6:
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = cost(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = cost(b)
    return (low + high) / 2


def _simplex(cost: Callable[[Sequence[float]], float], start: tuple[float, float]) -> tuple[float, float]:
    """Nelder and Mead's descent in two numbers."""
    points = [np.add(start, step) for step in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.3))]
    costs = [cost(tuple(p)) for p in points]
    for _ in range(400):
        order = np.argsort(costs)
        points, costs = [points[i] for i in order], [costs[i] for i in order]
        if np.abs(points[2] - points[0]).max() < 1e-7:
            break
        middle, worst = (points[0] + points[1]) / 2, points[2]
        tries = [middle + factor * (worst - middle) for factor in (-1.0, -2.0, 0.5)]
        found = [cost(tuple(p)) for p in tries]
        best = min(range(3), key=found.__getitem__)
        if found[best] < costs[2]:
            points[2], costs[2] = tries[best], found[best]
        else:
            points = [points[0], *((p + points[0]) / 2 for p in points[1:])]
            costs = [costs[0], *(cost(tuple(p)) for p in points[1:])]
    return float(points[0][0]), float(points[0][1])

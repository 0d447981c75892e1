"""Means with 95 % intervals of few numbers: Student's t, paired where runs share their seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean and the interval that holds the true one in 95 of 100 repetitions; None from one number."""

    mean: float
    low: float | None
    high: float | None
    count: int


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values. Paired differences are such values."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Estimate(mean, None, None, n)
    reach = t_quantile(n - 1) * math.sqrt(_variance(values, mean) / n)
    return Estimate(mean, mean - reach, mean + reach, n)


def difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Mean of `second` less mean of `first`, not paired (Welch 1947: the variances may differ)."""
    means = [math.fsum(v) / len(v) for v in (first, second)]
    gap, count = means[1] - means[0], min(len(first), len(second))
    if count < 2:
        return Estimate(gap, None, None, count)
    parts = [_variance(v, m) / len(v) for v, m in zip((first, second), means, strict=True)]
    if sum(parts) == 0:
        return Estimate(gap, gap, gap, count)
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (first, second), strict=True))
    reach = t_quantile(freedom) * math.sqrt(sum(parts))
    return Estimate(gap, gap - reach, gap + reach, count)


@lru_cache(maxsize=256)
def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """The t with which `level` of Student's distribution lies within [-t, t], by bisection."""
    low, high = 0.0, 1e3
    while _within(high, freedom) < level:
        high *= 10
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def _variance(values: Sequence[float], mean: float) -> float:
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)


def _within(t: float, freedom: float) -> float:
    """P(|T| <= t) = 1 - I_x(freedom / 2, 1/2) with x = freedom / (freedom + t^2)."""
    return 1.0 - _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) by its continued fraction (DLMF 8.17.22), on the side where that converges fast."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    fraction = 1.0
    for m in range(200, 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        fraction = 1.0 + odd / (1.0 + even / fraction)
    return front / (a * fraction)

"""Claims as data: a difference paired over seeds, a pass line fixed beforehand, and the word that follows from both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnac.train.intervals import Estimate, estimate

ENOUGH = 5
"""Seeds below which a claim gets no verdict."""

Result = Mapping[str, Any]
"""One result file: `arm`, `seed`, `figures`, and where they come from."""
Value = Callable[[Result], float]


@dataclass(frozen=True)
class Claim:
    """`measure` of arm `a`, less that of `b`, paired by seed, against one pass line.

    `b` is an arm, a number (a target), or None (the figure itself is judged). Exactly one line is given.
    """

    a: str
    b: str | float | None
    measure: str
    """A figure by name; dots go into nested ones: `routers.hop.skip_share`."""
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None
    """Holds where the mean difference is at most this in size."""
    direction: str | None = None
    """`up` or `down`: shown for its direction, without a pass line."""
    text: str = ""
    """What is claimed, in words; default: from the rest."""

    def __post_init__(self) -> None:
        lines = (self.at_least, self.at_most, self.within, self.direction)
        if sum(line is not None for line in lines) != 1 or self.direction not in (None, "up", "down"):
            raise ValueError(f"{self}: give one of at_least, at_most, within, direction (up or down)")

    @property
    def name(self) -> str:
        """The claim in words."""
        if self.text:
            return self.text
        less = "" if self.b is None else f" less {self.b:g}" if isinstance(self.b, float | int) else f" less `{self.b}`"
        return f"{self.measure}: `{self.a}`{less}"

    @property
    def line(self) -> str:
        """The pass line in words."""
        if self.direction:
            return {"up": "higher", "down": "lower"}[self.direction]
        if self.within is not None:
            return f"within {self.within:g}"
        return f"at least {self.at_least:+g}" if self.at_least is not None else f"at most {self.at_most:+g}"

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that must have run."""
        return (self.a, self.b) if isinstance(self.b, str) else (self.a,)


@dataclass(frozen=True)
class Judged:
    """A claim over the seeds that both arms have."""

    gaps: tuple[float, ...]
    found: Estimate
    agree: int
    """Seeds that go the claimed way (whatever their size; for `within` and tolerances: that pass the line)."""
    verdict: str

    def __str__(self) -> str:
        mean, low, high = self.found.mean, self.found.low, self.found.high
        return f"{mean:+.3f}" + (f" ({low:+.3f} to {high:+.3f})" if low is not None and high is not None else "")


def value_of(result: Result, measure: str) -> float:
    """A figure of a result; NaN where the run could not give it."""
    found: Any = result["figures"]
    for name in measure.split("."):
        found = found[name]
    return math.nan if found is None else float(found)


def judge(claim: Claim, results: Sequence[Result], value: Value | None = None) -> Judged | None:
    """The verdict over paired seeds; None where no seed has both arms. `value` takes the place of `claim.measure`."""
    get = value or (lambda result: value_of(result, claim.measure))
    of = {(r["arm"], r["seed"]): r for r in results}
    seeds = sorted(s for s in {r["seed"] for r in results} if all((arm, s) in of for arm in claim.arms))
    if not seeds:
        return None
    base = [get(of[claim.b, s]) if isinstance(claim.b, str) else float(claim.b or 0.0) for s in seeds]
    gaps = tuple(get(of[claim.a, s]) - b for s, b in zip(seeds, base, strict=True))
    found = estimate(gaps)
    return Judged(gaps, found, sum(_goes(claim, gap) for gap in gaps), verdict(claim, found))


def verdict(claim: Claim, found: Estimate) -> str:
    """`holds`, `direction only` or `does not hold` by the mean; what the interval includes is said beside.

    A line that is 0 or leaves room the other way (at least -0.02) is a tolerance: it holds or it does not.
    """
    if found.count < ENOUGH:
        return "too few seeds"
    if not math.isfinite(found.mean):
        return "not finite"
    if claim.within is not None:
        word = "holds" if abs(found.mean) <= claim.within else "does not hold"
        return word + _unsure(found, (-claim.within, claim.within))
    sign, line = _wanted(claim)
    towards = sign * found.mean
    if claim.direction:
        return ("direction" if towards > 0 else "does not hold") + _zero(found)
    if line <= 0:
        return ("holds" if towards >= line else "does not hold") + _unsure(found, (sign * line,))
    if isinstance(claim.b, str):  # a difference between arms
        return ("holds" if towards >= line else "direction only" if towards > 0 else "does not hold") + _zero(found)
    return ("holds" if towards >= line else "does not hold") + _unsure(found, (sign * line,))


def table(results: Sequence[Result], arms: Sequence[str], measures: Sequence[str], claims: Sequence[Claim]) -> str:
    """Figures of each arm, then the claims, as Markdown."""
    lines = [f"{len(results)} runs, {minutes(results):.1f} core minutes, commit {commits(results)}.", ""]
    lines += [f"| arm | seeds | {' | '.join(measures)} |", "|---|---|" + "---|" * len(measures)]
    for arm in arms:
        rows = [r for r in results if r["arm"] == arm]
        cells = [spread([value_of(r, m) for r in rows]) for m in measures] if rows else []
        lines += [f"| {arm} | {len(rows)} | {' | '.join(cells)} |"] if rows else []
    lines += ["", "| claim | pass line | over seeds | in direction | verdict |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(row(claim, results) for claim in claims)]) + "\n"


def row(claim: Claim, results: Sequence[Result]) -> str:
    """One claim as a row of the table."""
    judged = judge(claim, results)
    if judged is None:
        return f"| {claim.name} | {claim.line} | not run yet | | |"
    return f"| {claim.name} | {claim.line} | {judged} | {judged.agree} of {len(judged.gaps)} | {judged.verdict} |"


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation; a dash where an arm has no such figure."""
    if not all(map(math.isfinite, values)):
        return "-"
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"


def minutes(results: Sequence[Result]) -> float:
    """What the runs took in all."""
    return sum(r.get("seconds") or 0.0 for r in results) / 60


def commits(results: Sequence[Result]) -> str:
    """The revisions that made the results, shortened; `changed` beside one whose tree was not as committed."""
    return ", ".join(sorted({str(r.get("code") or "unknown") for r in results})) or "none"


def _wanted(claim: Claim) -> tuple[int, float]:
    """The sign of the claimed direction, and the line in that direction."""
    if claim.direction:
        return (1 if claim.direction == "up" else -1), 0.0
    return (1, claim.at_least) if claim.at_least is not None else (-1, -(claim.at_most or 0.0))


def _goes(claim: Claim, gap: float) -> bool:
    if claim.within is not None:
        return abs(gap) <= claim.within
    sign, line = _wanted(claim)
    is_direction = claim.direction is not None or (line > 0 and isinstance(claim.b, str))
    return sign * gap > 0 if is_direction else sign * gap >= line


def _zero(found: Estimate) -> str:
    is_in = found.low is None or found.high is None or found.low <= 0 <= found.high
    return ", interval includes 0" if is_in else ""


def _unsure(found: Estimate, lines: Sequence[float]) -> str:
    if found.low is None or found.high is None or found.low == found.high:
        return ""
    return ", interval crosses the line" if any(found.low < line < found.high for line in lines) else ""

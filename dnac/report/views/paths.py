"""How often each path is taken: rank against frequency, with coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from dnac.report.base import Material, View
from dnac.report.charts import Axis, Line, lines
from dnac.report.record import Record
from dnac.report.words import percent
from dnac.train.path_information import joined, path_statistics
from dnac.train.path_laws import laws

MOST = 20_000
"""Tokens of which is counted what choices tell."""


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or not record.steps:
        return None
    counts = sorted(record.paths().values(), reverse=True)
    total = record.tokens
    points = [(rank, n / total) for rank, n in _thin([*enumerate(counts, 1)])]
    slope = fit(points)
    series = [Line("paths", points, dots=True)]
    if slope is not None:
        series.append(Line(f"slope {slope[0]:.2f}", [(x, slope[1] * x ** slope[0]) for x, _ in points], dashed=True))
    covered = ", ".join(
        f"the {n} most frequent carry {percent(sum(counts[:n]) / total)}" for n in (10, 50, 500) if n < len(counts)
    )
    text = f"{total:,} tokens took {len(counts):,} different paths" + (f"; {covered}" if covered else "") + ". "
    text += "A path is the set of modules chosen at every routing step. An untrained net has a slope near -1 as well: "
    text += f"the slope alone does not show that anything was learned. {said(counts)}"
    text += f" {told(record)}"
    chart = lines(series, Axis("rank of the path", log=True), Axis("part of the tokens", log=True))
    return f"<p>{escape(text)}</p>{chart}"


def said(counts: Sequence[int]) -> str:
    """Which law the counts follow, by maximum likelihood."""
    found = laws(counts)
    if found is None:
        return "There are too few different paths to fit a law."
    law = (
        f"By maximum likelihood, paths of {found.xmin} tokens or more follow a power law of exponent {found.alpha:.2f} "
    )
    law += f"± {found.alpha_error:.2f} (slope {-1 / (found.alpha - 1):.2f} here); against a lognormal: {found.verdict} "
    return f"{law}(Vuong's z = {found.vuong:+.2f}, p = {found.p:.2g})."


def told(record: Record) -> str:
    """What the choices tell beyond the token itself; empty where the tokens are not known."""
    if record.inputs is None or record.inputs.shape[1] < 2:
        return ""
    ids = record.inputs.astype(np.int64)
    before = np.concatenate([np.full((len(ids), 1), -1), ids[:, :-1]], axis=1)
    chosen = [joined(np.sort(s.ids, -1).reshape(record.tokens, -1).astype(np.int64))[:MOST] for s in record.steps]
    found = path_statistics(np.stack(chosen, 1), ids.reshape(-1)[:MOST], before.reshape(-1)[:MOST])
    shares = [(row["token_share"], row["context_share"]) for row in found["steps"]]
    said = ", ".join("/".join("none" if s is None else percent(s) for s in pair) for pair in shares)
    return (
        f"Of a choice's entropy the token's id tells, and of what is then left the id before it, less chance, "
        f"by routing step: {said}."
    )


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Least squares of log frequency on log rank: (slope, factor); None with fewer than five points."""
    if len(points) < 5:
        return None
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (sum(v) / len(logs) for v in zip(*logs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    return slope, math.exp(mean_y - slope * mean_x)


def _thin(ranked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """About 120 ranks, evenly spaced on the logarithmic axis, so that the tail does not decide the fit."""
    kept: list[tuple[int, int]] = []
    following = 1.0
    for rank, n in ranked:
        if rank >= following:
            kept.append((rank, n))
            following = max(rank + 1, rank * 1.08)
    return kept


VIEW = View("paths", "Paths", 70, _render)

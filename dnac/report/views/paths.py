"""How often each path is taken: rank against frequency, with coverage."""

from __future__ import annotations

from html import escape

import numpy as np

from dnac.report.base import Material, View
from dnac.report.charts import Axis, Line, lines
from dnac.report.record import Record
from dnac.report.words import percent
from dnac.train.path_information import joined, path_statistics
from dnac.train.path_laws import Laws, laws, zeta

TOLD = (
    "How much of a choice is told by the token itself, as a part of the choice's entropy; and how much of what is then "
    "left by the token before. What chance tells is taken away, so that a small part may come out below zero."
)
MOST_ROWS = 12
"""Routing steps with a line in a table; more are drawn."""
MOST = 20_000
"""Tokens of which is counted what choices tell."""


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or not record.steps:
        return None
    counts = sorted(record.paths().values(), reverse=True)
    total = record.tokens
    points = [(rank, n / total) for rank, n in _thin([*enumerate(counts, 1)])]
    found = laws(counts)
    series = [Line("paths", points, dots=True)]
    if found is not None:
        drawn = [(rank, size / total) for rank, size in tail_of(found, counts[0])]
        series.append(Line(f"power law, exponent {found.alpha:.2f}", drawn, dashed=True))
    covered = ", ".join(
        f"the {n} most frequent carry {percent(sum(counts[:n]) / total)}" for n in (10, 50, 500) if n < len(counts)
    )
    text = f"{total:,} tokens took {len(counts):,} different paths" + (f"; {covered}" if covered else "") + ". "
    law = "An untrained net has such a line as well: it alone does not show that anything was learned. "
    texts = (f"{text}A path is the set of modules chosen at every routing step.", law + said(found))
    chart = lines(series, Axis("rank of the path", log=True), Axis("part of the tokens", log=True))
    return "".join(f"<p>{escape(each)}</p>" for each in texts) + chart + told(record)


def tail_of(found: Laws, largest: int) -> list[tuple[float, float]]:
    """The power law as drawn: (rank, tokens of the path) from the largest path down to the smallest that it fits.

    As many paths are expected to be as large as `x` as the law says of the paths that it was fitted to.
    """
    sizes = np.unique(np.geomspace(found.xmin, max(largest, found.xmin), 40).round())[::-1]
    ranks = found.tail * zeta(found.alpha, sizes) / zeta(found.alpha, float(found.xmin))
    return [(float(rank), float(size)) for rank, size in zip(ranks, sizes, strict=True)]


def said(found: Laws | None) -> str:
    """Which law the counts follow, by maximum likelihood."""
    if found is None:
        return "There are too few different paths to fit a law."
    law = (
        f"By maximum likelihood, paths of {found.xmin} tokens or more follow a power law of exponent {found.alpha:.2f} "
    )
    law += f"± {found.alpha_error:.2f} (the dashed line); against a lognormal: {found.verdict} "
    return f"{law}(Vuong's z = {found.vuong:+.2f}, p = {found.p:.2g})."


def told(record: Record) -> str:
    """A table of what tokens tell of the choices, by routing step; empty where the tokens are not known."""
    if record.inputs is None or record.inputs.shape[1] < 2:
        return ""
    ids = record.inputs.astype(np.int64)
    before = np.concatenate([np.full((len(ids), 1), -1), ids[:, :-1]], axis=1)
    chosen = [joined(np.sort(s.ids, -1).reshape(record.tokens, -1).astype(np.int64))[:MOST] for s in record.steps]
    found = path_statistics(np.stack(chosen, 1), ids.reshape(-1)[:MOST], before.reshape(-1)[:MOST])
    rows = [
        (step.site, row["token_share"], row["context_share"])
        for step, row in zip(record.steps, found["steps"], strict=True)
        if row["token_share"] is not None
    ]
    if not rows:
        return ""
    if len(rows) > MOST_ROWS:
        series = [Line("the token's id", [(n, row[1]) for n, row in enumerate(rows)])]
        series.append(Line("beyond it the id before", [(n, row[2] or 0.0) for n, row in enumerate(rows)]))
        return f"<p>{TOLD}</p>{lines(series, Axis('routing step'), Axis('part of the entropy', low=0.0))}"
    head = "<tr><th>routing step</th><th>the token's id</th><th>beyond it the id before</th></tr>"
    cells = "".join(
        f"<tr><th>{escape(site)}</th>"
        + "".join(f"<td>{'' if s is None else percent(s)}</td>" for s in shares)
        + "</tr>"
        for site, *shares in rows
    )
    return f"<p>{TOLD}</p><table>{head}{cells}</table>"


def _thin(ranked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """About 120 ranks, evenly spaced on the logarithmic axis, so that a long tail is no heavier to draw."""
    kept: list[tuple[int, int]] = []
    following = 1.0
    for rank, n in ranked:
        if rank >= following:
            kept.append((rank, n))
            following = max(rank + 1, rank * 1.08)
    return kept


VIEW = View("paths", "Paths", 70, _render)

"""Where tokens go from step to step: a flow diagram, the width of a band is its part of the tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from dnac.report.base import Material, View
from dnac.report.palette import LINE, SOFT, hue
from dnac.report.record import Record, StepTrace
from dnac.report.words import percent

NAMED = 9
"""Candidates with a band of their own; the others share one."""
OTHERS = "others"
LEAST = 0.004
"""Bands thinner than this part of the tokens are left out."""


def _render(material: Material) -> str | None:
    record = material.record
    if record is None or len(record.steps) < 2 or len({step.candidates for step in record.steps}) > 1:
        return None
    names, columns = _groups(record)
    return f"<p>{escape(TEXT)}</p><p>{_legend(names)}</p>{_drawing(names, columns)}"


TEXT = (
    "Each column is a routing step; a band is the tokens that go from one module to the next. "
    "With several choices per token, the one with the greatest weight counts."
)


def _legend(names: Sequence[str]) -> str:
    return "".join(
        f'<span class="key"><span style="background:{_hue(i, name)}"></span>{escape(name)}</span>'
        for i, name in enumerate(names)
    )


def _drawing(names: Sequence[str], columns: Sequence[Any]) -> str:
    """The bands between the columns, a node for each band of a column, and the numbers of the steps."""
    step = max(34.0, min(110.0, 900 / (len(columns) - 1)))
    sides = [_Side(column, _starts(column, len(names), columns[0].size)) for column in columns]
    edges = [(18 + s * step, 10 + (s + 1) * step) for s in range(len(columns) - 1)]
    bands = [_bands(sides[s], sides[s + 1], edge, names) for s, edge in enumerate(edges)]
    nodes = [_nodes(10 + s * step, side, names, s) for s, side in enumerate(sides)]
    labels = "".join(
        f'<text x="{14 + s * step:.0f}" y="338" text-anchor="middle" fill="{SOFT}">{s}</text>'
        for s in range(len(columns))
    )
    width = 20 + step * (len(columns) - 1) + 8
    drawn = "".join(shape for shapes in (*bands, *nodes) for shape in shapes)
    return (
        f'<svg class="chart" viewBox="0 0 {width:.0f} 344" width="{width:.0f}" height="344" role="img">{drawn}'
        f"{labels}</svg>"
    )


def _groups(record: Record) -> tuple[list[str], list[Any]]:
    """Names of the bands, and per step the band of each token."""
    first = record.steps[0]
    loads = np.mean([step.loads for step in record.steps], axis=0)
    named = sorted(sorted(range(len(loads)), key=lambda i: -loads[i])[:NAMED])
    band = np.full(len(loads) + 1, len(named))
    band[named] = range(len(named))
    names = [first.candidates[i].rsplit(".", 1)[-1] for i in named]
    columns = [band[_main(step)] for step in record.steps]
    if len(loads) > len(named) or any((c == len(named)).any() for c in columns):
        names.append(OTHERS)
    return names, columns


def _main(step: StepTrace) -> Any:
    """[N*T] the chosen slot of greatest weight; an empty one counts among the others (-1)."""
    best = np.abs(step.weights).argmax(-1)[..., None]
    return np.take_along_axis(step.ids, best, axis=-1).reshape(-1).astype(np.int64)


def _starts(column: Any, bands: int, total: int) -> list[tuple[float, float]]:
    """Top and height of each band's node, in pixels."""
    sizes = np.bincount(column, minlength=bands)[:bands] / total * 260
    placed, at = [], 10.0
    for size in sizes.tolist():
        placed.append((at, size))
        at += size + (5 if size > 0 else 0)
    return placed


@dataclass(frozen=True)
class _Side:
    """One end of the bands: the group of every token, and where each group stands."""

    column: Any
    starts: Sequence[tuple[float, float]]


def _bands(left: _Side, right: _Side, place: tuple[float, float], names: Sequence[str]) -> list[str]:
    """All bands between two neighbouring columns; `place` is their left and right edge."""
    counts: Counter[tuple[int, int]] = Counter(zip(left.column.tolist(), right.column.tolist(), strict=True))
    total, (x0, x1) = left.column.size, place
    out, into = [0.0] * len(names), [0.0] * len(names)
    drawn: list[str] = []
    for (a, b), n in sorted(counts.items()):
        size = n / total * 260
        y0, y1 = left.starts[a][0] + out[a], right.starts[b][0] + into[b]
        out[a] += size
        into[b] += size
        if n / total < LEAST:
            continue
        mid, fill = (x0 + x1) / 2, _hue(a, names[a])
        drawn.append(
            f'<path d="M{x0:.0f} {y0:.1f}C{mid:.0f} {y0:.1f} {mid:.0f} {y1:.1f} {x1:.0f} {y1:.1f}v{size:.1f}'
            f'C{mid:.0f} {y1 + size:.1f} {mid:.0f} {y0 + size:.1f} {x0:.0f} {y0 + size:.1f}z" fill="{fill}" '
            f'fill-opacity="0.55"><title>{escape(names[a])} to {escape(names[b])}: {percent(n / total)}</title></path>'
        )
    return drawn


def _nodes(x: float, side: _Side, names: Sequence[str], step: int) -> list[str]:
    """The nodes of one column, from the top."""
    return [_node(x, start, size, names[i], i, step) for i, (start, size) in enumerate(side.starts) if size > 0]


def _node(x: float, y: float, size: float, name: str, index: int, step: int) -> str:
    hint = f"step {step}, {name}: {percent(size / 260)}"
    fill = _hue(index, name)
    return (
        f'<rect x="{x:.0f}" y="{y:.1f}" width="8" height="{max(size, 0.6):.1f}" fill="{fill}" stroke="{LINE}" '
        f'stroke-width="0.5"><title>{escape(hint)}</title></rect>'
    )


def _hue(index: int, name: str) -> str:
    return "#d5dae0" if name == OTHERS else hue(index)


VIEW = View("flow", "Flow of tokens", 55, _render)

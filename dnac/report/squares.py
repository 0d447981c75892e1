"""A table of squares, such as the load of each module at each step; hints are `<title>` elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, groupby

from dnac.report.axes import RIGHT, TOP, svg, text_at
from dnac.report.palette import INK, ramp

MOST_CELL = 64.0
"""Width of a square that has room for a name."""


@dataclass(frozen=True)
class _Grid:
    """Where the squares stand, in pixels."""

    left: float
    cell: float
    """Width of a square."""
    tall: float
    groups: Sequence[tuple[str, int]]
    """Columns that are named together: a name, and how many there are; none where columns have numbers."""


def heat(
    rows: Sequence[Sequence[float]], names: Sequence[str], columns: Sequence[str], *, x: str = "", width: int = 760
) -> str:
    """A table of squares: `rows[r][c]` in [0, 1] of the largest value; the hint names row, column, value.

    `x`: what numbered columns count.

    Columns that follow one another and differ in their index alone have one name below them, where there is room.
    """
    grid = _grid(names, columns, width)
    most = max((v for row in rows for v in row), default=0.0) or 1.0
    floor = TOP + grid.tall * len(rows)
    body = [text_at(grid.left - 6, TOP + (r + 0.5) * grid.tall + 4, name, "end") for r, name in enumerate(names)]
    for r, (row, name) in enumerate(zip(rows, names, strict=True)):
        hints = [f"{name}, {column}" for column in columns[: len(row)]]
        body += [_square(grid, (r, c), value, most, hints[c]) for c, value in enumerate(row)]
    body += _named(grid, floor) if grid.groups else _numbered(grid, len(columns), floor)
    if x:
        body.append(text_at(grid.left + grid.cell * len(columns) / 2, floor + 38, x, "middle", INK))
    return svg(round(grid.left + grid.cell * len(columns) + RIGHT), round(floor + (44 if x else 30)), body)


def _grid(names: Sequence[str], columns: Sequence[str], width: int) -> _Grid:
    left = 14 + 6.2 * max((len(n) for n in names), default=4)
    groups = [(name, len([*same])) for name, same in groupby(column.split("[")[0] for column in columns)]
    wanted = max((6.4 * len(name) + 8) / size for name, size in groups) if groups else 0.0
    is_named = len(groups) > 1 and wanted <= MOST_CELL
    cell = max(3.0, min(max(24.0, wanted if is_named else 0.0), (width - left - RIGHT) / max(len(columns), 1)))
    tall = min(max(cell, 13.0), 18.0)  # a name at each row
    return _Grid(left, cell, tall, groups if is_named and wanted <= cell else ())


def _square(grid: _Grid, place: tuple[int, int], value: float, most: float, hint: str) -> str:
    r, c = place
    return (
        f'<rect x="{grid.left + c * grid.cell:.1f}" y="{TOP + r * grid.tall:.1f}" width="{grid.cell - 0.8:.1f}" '
        f'height="{grid.tall - 0.8:.1f}" fill="{ramp(value / most)}"><title>{escape(hint)}: {value:.3f}</title></rect>'
    )


def _named(grid: _Grid, floor: float) -> list[str]:
    """Names in the middle below their columns."""
    ends = [0, *accumulate(size for _, size in grid.groups)]
    return [
        text_at(grid.left + (ends[n] + size / 2) * grid.cell, floor + 16, name, "middle")
        for n, (name, size) in enumerate(grid.groups)
    ]


def _numbered(grid: _Grid, columns: int, floor: float) -> list[str]:
    every = math.ceil(60 / grid.cell)
    return [text_at(grid.left + (c + 0.5) * grid.cell, floor + 16, str(c), "middle") for c in range(0, columns, every)]

"""Small charts as plain SVG: lines, bars, heat map. No scripts; hints are `<title>` elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate, groupby

from dnac.report.palette import INK, LINE, PAPER, SERIES, SOFT, ramp
from dnac.report.words import count

LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 40
MOST_CELL = 64.0
"""Width of a square that has room for a name."""


@dataclass(frozen=True)
class Line:
    """One line (or, with `dots`, a cloud of points) of a chart."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    dots: bool = False
    reach: Sequence[tuple[float, float]] = ()
    """For each point the lowest and highest y that it may have: a thin upright line."""
    is_named: bool = False
    """Its name stands beside its last point, not in the legend."""


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, and whether it is logarithmic."""

    label: str
    log: bool = False
    low: float | None = None
    """Where it begins; the data decide where None."""
    high: float | None = None
    """Where it ends, such as behind the last point, where names of lines need room."""


def lines(series: Sequence[Line], x: Axis, y: Axis, *, width: int = 560, height: int = 260) -> str:
    """A chart of lines with axes, ticks and a legend. Points that are not finite are left out."""
    series = [_fitting(s, x, y) for s in series]
    points = [p for s in series for p in (*s.points, *_ends(s))]
    if not points:
        return ""
    to_x = _scale([p[0] for p in points], x, LEFT, width - RIGHT)
    to_y = _scale([p[1] for p in points], y, height - BOTTOM, TOP)
    body = [*_x_axis(to_x, x, width, height), *_y_axis(to_y, y, width, height)]
    body += [_line(s, to_x.place, to_y.place, SERIES[i % len(SERIES)]) for i, s in enumerate(series)]
    body += _names_beside(series, to_x.place, to_y.place, width)
    colors = {s.name: SERIES[i % len(SERIES)] for i, s in enumerate(series) if not s.is_named}
    body += _legend(colors, width) if len(series) > 1 else []
    return _svg(width, height, body)


def standing(width: int, height: int, body: str) -> str:
    """A picture that is a file of its own: charts bring neither name space nor font, which a page gives them."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{body}</svg>\n'
    )


def bars(
    values: Sequence[float], labels: Sequence[str], y: str, *, target: float | None = None, width: int = 560
) -> str:
    """One bar per value from 0 on, with a dashed line at `target`. Bars of several names are named in whole, aslant
    where the names are too long; others by their number alone, over the name that they share.
    """
    top = max([*values, target or 0.0]) * 1.12 or 1.0
    is_whole = len(values) <= 26 and len({label.split("[")[0] for label in labels}) > 1
    step = (width - LEFT - RIGHT) / max(len(values), 1)
    longest = 6.4 * max((len(label) for label in labels), default=0)
    is_aslant = is_whole and longest > step
    height = 200 + (round(0.6 * longest) - 20 if is_aslant else 0)
    floor = 200 - BOTTOM
    scale = _Scale(0.0, top, floor, TOP, log=False)
    body = _y_axis(scale, Axis(y), width, floor + BOTTOM)
    for i, (value, label) in enumerate(zip(values, labels, strict=True)):
        at, up = LEFT + i * step, scale.place(value)
        body.append(
            f'<rect x="{at + step * 0.12:.1f}" y="{up:.1f}" width="{step * 0.76:.1f}" '
            f'height="{floor - up:.1f}" fill="{SERIES[0]}"><title>{escape(label)}: {value:.3f}</title></rect>'
        )
        if len(values) <= 26:
            short = label if is_whole else label.rsplit("[")[-1].rstrip("]")
            body.append(_below(at + step / 2, floor + 14, short, is_aslant=is_aslant))
    if not is_whole and labels:
        shared = labels[0].split("[")[0]
        body.append(_text((LEFT + width - RIGHT) / 2, height - 6, f"turn of {shared}", "middle", INK))
    if target is not None:
        at = scale.place(target)
        body.append(f'<path d="M{LEFT} {at:.1f}H{width - RIGHT}" stroke="{SERIES[1]}" stroke-dasharray="6 4"/>')
        body.append(_text(width - RIGHT, at - 5, f"target {target:g}", "end", SERIES[1]))
    return _svg(width, height, body)


def _below(x: float, y: float, text: str, *, is_aslant: bool) -> str:
    """A name under a bar."""
    if not is_aslant:
        return _text(x, y, text, "middle")
    turned = f'transform="rotate(-40 {x + 4:.1f} {y:.1f})"'
    return f'<text x="{x + 4:.1f}" y="{y:.1f}" text-anchor="end" fill="{SOFT}" {turned}>{escape(text)}</text>'


@dataclass(frozen=True)
class Bar:
    """One bar of `across`: from 0 to `value`, with a line from `low` to `high` and a word behind it."""

    name: str
    value: float
    low: float
    high: float
    word: str = ""
    color: str = SERIES[0]


def across(rows: Sequence[Bar], x: str, *, width: int = 760) -> str:
    """Horizontal bars under one another, with what they are at their left and a word at their right."""
    left, right = (24 + 6.2 * max(len(text) for text in texts) for texts in _names_and_words(rows))
    tall, height = 24, TOP + 24 * len(rows) + BOTTOM
    scale = _Scale(0.0, max(r.high for r in rows) or 1.0, left, max(width - right, left + 60), log=False)
    floor, body = height - BOTTOM, list[str]()
    for tick in _ticks(scale):
        at = scale.place(tick)
        body.append(f'<path d="M{at:.1f} {TOP}V{floor + 4}" stroke="{LINE}" stroke-opacity="0.4"/>')
        body.append(_text(at, floor + 16, count(tick), "middle"))
    for i, row in enumerate(rows):
        at = TOP + i * tall + 4
        ends = {name: scale.place(value) for name, value in (("v", row.value), ("l", row.low), ("h", row.high))}
        body.append(_text(left - 8, at + 12, row.name, "end", INK))
        body.append(
            f'<rect x="{left:.1f}" y="{at}" width="{ends["v"] - left:.1f}" height="16" fill="{row.color}">'
            f"<title>{escape(row.name)}: {row.value:.4g}</title></rect>"
        )
        body.append(f'<path d="M{ends["l"]:.1f} {at + 8}H{ends["h"]:.1f}" stroke="{INK}" stroke-width="1.5"/>')
        body.append(_text(max(ends["v"], ends["h"]) + 6, at + 12, row.word, "start"))
    body.append(_text((left + scale.end) / 2, height - 6, x, "middle", INK))
    return _svg(width, height, body)


def _names_and_words(rows: Sequence[Bar]) -> tuple[list[str], list[str]]:
    return [row.name for row in rows], [row.word for row in rows]


def heat(
    rows: Sequence[Sequence[float]], names: Sequence[str], columns: Sequence[str], *, x: str = "", width: int = 760
) -> str:
    """A table of squares: `rows[r][c]` in [0, 1] of the largest value; the hint names row, column, value.

    `x`: what numbered columns count.

    Columns that follow one another and differ in their index alone have one name below them, where there is room.
    """
    most = max((v for row in rows for v in row), default=0.0) or 1.0
    left = 14 + 6.2 * max((len(n) for n in names), default=4)
    groups = [(name, len([*same])) for name, same in groupby(column.split("[")[0] for column in columns)]
    wanted = max((6.4 * len(name) + 8) / size for name, size in groups) if groups else 0.0
    is_named = len(groups) > 1 and wanted <= MOST_CELL
    cell = max(3.0, min(max(24.0, wanted if is_named else 0.0), (width - left - RIGHT) / max(len(columns), 1)))
    is_named = is_named and wanted <= cell
    tall = min(max(cell, 13.0), 18.0)  # a name at each row
    height = TOP + tall * len(rows) + (44 if x else 30)
    below = TOP + tall * len(rows) + 16
    body: list[str] = []
    for r, (row, name) in enumerate(zip(rows, names, strict=True)):
        at = TOP + r * tall
        body.append(_text(left - 6, at + tall / 2 + 4, name, "end"))
        for c, value in enumerate(row):
            body.append(
                f'<rect x="{left + c * cell:.1f}" y="{at:.1f}" width="{cell - 0.8:.1f}" height="{tall - 0.8:.1f}" '
                f'fill="{ramp(value / most)}"><title>{escape(name)}, {escape(columns[c])}: {value:.3f}</title></rect>'
            )
    if is_named:
        ends = [0, *accumulate(size for _, size in groups)]
        body += [
            _text(left + (ends[n] + size / 2) * cell, below, name, "middle") for n, (name, size) in enumerate(groups)
        ]
    else:
        every = math.ceil(60 / cell)
        body += [_text(left + (c + 0.5) * cell, below, str(c), "middle") for c in range(0, len(columns), every)]
    if x:
        body.append(_text(left + cell * len(columns) / 2, height - 6, x, "middle", INK))
    return _svg(round(left + cell * len(columns) + RIGHT), round(height), body)


# --- axes ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    log: bool

    def place(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start)


def _fitting(line: Line, x: Axis, y: Axis) -> Line:
    """The line without points that the axes cannot hold."""
    kept = [n for n, point in enumerate(line.points) if _fits(point, x, y)]
    reach = [line.reach[n] for n in kept] if line.reach else ()
    return replace(line, points=[line.points[n] for n in kept], reach=reach)


def _ends(line: Line) -> list[tuple[float, float]]:
    """What the upright lines of points need of the picture."""
    return [(x, end) for (x, _), ends in zip(line.points, line.reach, strict=False) for end in ends]


def _fits(point: tuple[float, float], x: Axis, y: Axis) -> bool:
    return all(math.isfinite(v) and (v > 0 or not axis.log) for v, axis in zip(point, (x, y), strict=True))


def _scale(values: Sequence[float], axis: Axis, start: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    if axis.low is not None:
        low = axis.low
    if axis.high is not None:
        high = axis.high
    if axis.log:
        return _Scale(low, max(high, low * 1.01), start, end, True)
    room = (high - low or abs(high) or 1.0) * 0.05
    return _Scale(
        low - (room if axis.low is None else 0.0), high + (room if axis.high is None else 0.0), start, end, False
    )


def _ticks(scale: _Scale) -> list[float]:
    if scale.log:
        first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
        for parts in ((1,), (1, 2, 5), range(1, 10)):  # a range of less than ten takes ticks between the powers
            found = [m * 10.0**p for p in range(first, last + 1) for m in parts]
            found = [t for t in found if scale.low * (1 - 1e-9) <= t <= scale.high * (1 + 1e-9)]
            if len(found) > 2:
                return found
        return found if len(found) > 1 else [scale.low, scale.high]
    rough = (scale.high - scale.low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(m for m in (1, 2, 2.5, 5, 10) if size * m >= rough)
    first = math.ceil(scale.low / step - 1e-9)
    return [step * n for n in range(first, math.floor(scale.high / step + 1e-9) + 1)]


def _x_axis(scale: _Scale, axis: Axis, width: int, height: int) -> list[str]:
    floor = height - BOTTOM
    drawn = [f'<path d="M{LEFT} {floor}H{width - RIGHT}" stroke="{LINE}"/>']
    for tick in _ticks(scale):
        at = scale.place(tick)
        drawn.append(f'<path d="M{at:.1f} {floor}v4" stroke="{LINE}"/>{_text(at, floor + 16, count(tick), "middle")}')
    return [*drawn, _text((LEFT + width - RIGHT) / 2, height - 6, axis.label, "middle", INK)]


def _y_axis(scale: _Scale, axis: Axis, width: int, height: int) -> list[str]:
    drawn: list[str] = []
    for tick in _ticks(scale):
        at = scale.place(tick)
        drawn.append(f'<path d="M{LEFT} {at:.1f}H{width - RIGHT}" stroke="#e4e7eb"/>')
        drawn.append(_text(LEFT - 6, at + 4, count(round(tick, 10)), "end"))
    middle = (TOP + height - BOTTOM) / 2
    turned = f'transform="rotate(-90 14 {middle:.0f})"'
    return [
        *drawn,
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" fill="{INK}" {turned}>{escape(axis.label)}</text>',
    ]


def _line(line: Line, to_x: Callable[[float], float], to_y: Callable[[float], float], color: str) -> str:
    places = [(to_x(a), to_y(b)) for a, b in line.points]
    upright = "".join(
        f'<path d="M{a:.1f} {to_y(low):.1f}V{to_y(high):.1f}" stroke="{color}"/>'
        for (a, _), (low, high) in zip(places, line.reach, strict=False)
    )
    if line.dots or len(places) == 1:
        return upright + "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2" fill="{color}"/>' for a, b in places)
    dash = ' stroke-dasharray="6 4"' if line.dashed else ""
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    return f'{upright}<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>'


def _names_beside(
    series: Sequence[Line], to_x: Callable[[float], float], to_y: Callable[[float], float], width: int
) -> list[str]:
    """Names at their last points, from above downwards, each moved down as far as one above it asks for."""
    drawn, taken = [], list[tuple[float, float, float]]()
    named = [(to_y(s.points[-1][1]), to_x(s.points[-1][0]), s.name) for s in series if s.is_named and s.points]
    for down, across_, name in sorted(named):
        wide = 6.2 * len(name)
        left = across_ + 6 if across_ + 6 + wide < width - RIGHT else across_ - 6 - wide
        while any(abs(y - down) < 11 and left < end and left + wide > begin for y, begin, end in taken):
            down += 1
        taken.append((down, left, left + wide))
        drawn.append(_text(left, down + 4, name, "start", INK))
    return drawn


def _legend(colors: Mapping[str, str], width: int) -> list[str]:
    drawn: list[str] = []
    for i, (name, color) in enumerate(colors.items()):
        at = TOP + 8 + 16 * i
        edge = width - RIGHT - 4
        drawn.append(_text(edge - 22, at + 4, name, "end", INK))
        drawn.append(f'<path d="M{edge - 16} {at}h16" stroke="{color}" stroke-width="2.4"/>')
    return drawn


def _text(x: float, y: float, text: str, anchor: str, color: str = SOFT) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'


def _svg(width: int, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(body)}</svg>'
    )

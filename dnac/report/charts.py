"""Small charts as plain SVG: lines and bars. No scripts; hints are `<title>` elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from dnac.report.axes import BOTTOM, LEFT, RIGHT, TOP, Scale, scaled, svg, text_at, ticks, x_axis, y_axis
from dnac.report.axes import Axis as Axis
from dnac.report.palette import INK, LINE, PAPER, SERIES, SOFT
from dnac.report.words import count


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


def lines(series: Sequence[Line], x: Axis, y: Axis, *, width: int = 560, height: int = 260) -> str:
    """A chart of lines with axes, ticks and a legend. Points that are not finite are left out."""
    series = [_fitting(s, x, y) for s in series]
    points = [p for s in series for p in (*s.points, *_ends(s))]
    if not points:
        return ""
    to_x = scaled([p[0] for p in points], x, LEFT, width - RIGHT)
    to_y = scaled([p[1] for p in points], y, height - BOTTOM, TOP)
    body = [*x_axis(to_x, x, width, height), *y_axis(to_y, y, width, height)]
    body += [_line(s, to_x.place, to_y.place, SERIES[i % len(SERIES)]) for i, s in enumerate(series)]
    body += _names_beside(series, to_x.place, to_y.place, width)
    colors = {s.name: SERIES[i % len(SERIES)] for i, s in enumerate(series) if not s.is_named}
    body += _legend(colors, width) if len(series) > 1 else []
    return svg(width, height, body)


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
    is_whole = len(values) <= 26 and len({label.split("[")[0] for label in labels}) > 1
    step = (width - LEFT - RIGHT) / max(len(values), 1)
    longest = 6.4 * max((len(label) for label in labels), default=0)
    is_aslant = is_whole and longest > step
    height, floor = 200 + (round(0.6 * longest) - 20 if is_aslant else 0), 200 - BOTTOM
    room = 1.12 if target is None else 1.2
    scale = Scale(0.0, max([*values, target or 0.0]) * room or 1.0, floor, TOP, log=False)
    body = y_axis(scale, Axis(y), width, floor + BOTTOM)
    for i, (value, label) in enumerate(zip(values, labels, strict=True)):
        at = LEFT + i * step
        body.append(_bar(at, step, scale, value, label))
        if len(values) <= 26:
            short = label if is_whole else label.rsplit("[")[-1].rstrip("]")
            body.append(_below(at + step / 2, floor + 14, short, is_aslant=is_aslant))
    if not is_whole and labels:
        body.append(
            text_at((LEFT + width - RIGHT) / 2, height - 6, f"turn of {labels[0].split('[')[0]}", "middle", INK)
        )
    return svg(width, height, [*body, *_target(target, scale, width)])


def _bar(at: float, step: float, scale: Scale, value: float, label: str) -> str:
    up = scale.place(value)
    return (
        f'<rect x="{at + step * 0.12:.1f}" y="{up:.1f}" width="{step * 0.76:.1f}" '
        f'height="{scale.start - up:.1f}" fill="{SERIES[0]}"><title>{escape(label)}: {value:.3f}</title></rect>'
    )


def _target(target: float | None, scale: Scale, width: int) -> list[str]:
    """A dashed line at what was wanted."""
    if target is None:
        return []
    at = scale.place(target)
    line = f'<path d="M{LEFT} {at:.1f}H{width - RIGHT}" stroke="{SERIES[1]}" stroke-dasharray="6 4"/>'
    above_all = TOP + 8  # bars end below it, the line may run into one
    return [line, text_at(width - RIGHT, above_all, f"target {target:g}", "end", SERIES[1])]


def _below(x: float, y: float, text: str, *, is_aslant: bool) -> str:
    """A name under a bar."""
    if not is_aslant:
        return text_at(x, y, text, "middle")
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
    scale = Scale(0.0, max(r.high for r in rows) or 1.0, left, max(width - right, left + 60), log=False)
    floor, body = height - BOTTOM, list[str]()
    for tick in ticks(scale):
        at = scale.place(tick)
        body.append(f'<path d="M{at:.1f} {TOP}V{floor + 4}" stroke="{LINE}" stroke-opacity="0.4"/>')
        body.append(text_at(at, floor + 16, count(tick), "middle"))
    for i, row in enumerate(rows):
        at = TOP + i * tall + 4
        ends = {name: scale.place(value) for name, value in (("v", row.value), ("l", row.low), ("h", row.high))}
        body.append(text_at(left - 8, at + 12, row.name, "end", INK))
        body.append(
            f'<rect x="{left:.1f}" y="{at}" width="{ends["v"] - left:.1f}" height="16" fill="{row.color}">'
            f"<title>{escape(row.name)}: {row.value:.4g}</title></rect>"
        )
        body.append(f'<path d="M{ends["l"]:.1f} {at + 8}H{ends["h"]:.1f}" stroke="{INK}" stroke-width="1.5"/>')
        body.append(text_at(max(ends["v"], ends["h"]) + 6, at + 12, row.word, "start"))
    body.append(text_at((left + scale.end) / 2, height - 6, x, "middle", INK))
    return svg(width, height, body)


def _names_and_words(rows: Sequence[Bar]) -> tuple[list[str], list[str]]:
    return [row.name for row in rows], [row.word for row in rows]


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
        drawn.append(text_at(left, down + 4, name, "start", INK))
    return drawn


def _legend(colors: Mapping[str, str], width: int) -> list[str]:
    drawn: list[str] = []
    for i, (name, color) in enumerate(colors.items()):
        at = TOP + 8 + 16 * i
        edge = width - RIGHT - 4
        drawn.append(text_at(edge - 22, at + 4, name, "end", INK))
        drawn.append(f'<path d="M{edge - 16} {at}h16" stroke="{color}" stroke-width="2.4"/>')
    return drawn

"""What charts stand on: axes with their ticks, words at a place, and the picture around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dnac.report.palette import INK, LINE, PAPER, SOFT
from dnac.report.words import count

LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 40
"""Margins of a chart, in pixels."""


@dataclass(frozen=True)
class Axis:
    """One axis: what it shows, and whether it is logarithmic."""

    label: str
    log: bool = False
    low: float | None = None
    """Where it begins; the data decide where None."""
    high: float | None = None
    """Where it ends, such as behind the last point, where names of lines need room."""


@dataclass(frozen=True)
class Scale:
    """From values to pixels along one axis."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    log: bool

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start)


def scaled(values: Sequence[float], axis: Axis, start: float, end: float) -> Scale:
    """The scale on which all values have room, unless the axis says where it begins and ends."""
    low, high = min(values), max(values)
    if axis.low is not None:
        low = axis.low
    if axis.high is not None:
        high = axis.high
    if axis.log:
        return Scale(low, max(high, low * 1.01), start, end, True)
    room = (high - low or abs(high) or 1.0) * 0.05
    return Scale(
        low - (room if axis.low is None else 0.0), high + (room if axis.high is None else 0.0), start, end, False
    )


def ticks(scale: Scale) -> list[float]:
    """Round values along a scale."""
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


def x_axis(scale: Scale, axis: Axis, width: int, height: int) -> list[str]:
    """Ticks and name below a chart."""
    floor = height - BOTTOM
    drawn = [f'<path d="M{LEFT} {floor}H{width - RIGHT}" stroke="{LINE}"/>']
    for tick in ticks(scale):
        at = scale.place(tick)
        drawn.append(f'<path d="M{at:.1f} {floor}v4" stroke="{LINE}"/>{text_at(at, floor + 16, count(tick), "middle")}')
    return [*drawn, text_at((LEFT + width - RIGHT) / 2, height - 6, axis.label, "middle", INK)]


def y_axis(scale: Scale, axis: Axis, width: int, height: int) -> list[str]:
    """Ticks with lines across a chart, and the name at its left."""
    drawn: list[str] = []
    for tick in ticks(scale):
        at = scale.place(tick)
        drawn.append(f'<path d="M{LEFT} {at:.1f}H{width - RIGHT}" stroke="#e4e7eb"/>')
        drawn.append(text_at(LEFT - 6, at + 4, count(round(tick, 10)), "end"))
    middle = (TOP + height - BOTTOM) / 2
    turned = f'transform="rotate(-90 14 {middle:.0f})"'
    return [
        *drawn,
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" fill="{INK}" {turned}>{escape(axis.label)}</text>',
    ]


def text_at(x: float, y: float, text: str, anchor: str, color: str = SOFT) -> str:
    """A text; `anchor`: `start`, `middle` or `end`."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'


def svg(width: int, height: int, body: Sequence[str]) -> str:
    """A chart for a page, which brings name space and font."""
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(body)}</svg>'
    )

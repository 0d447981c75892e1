"""A plain picture of a diagram for the HTML page where Graphviz is not installed.

The stream runs downwards, one row per box; frames are indented. It shows what is there and how often;
which member goes where is said in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from dnac.report.diagram import Box, Diagram, Edge, Frame
from dnac.report.palette import EDGE, FILL, INK, LINE, PAPER, SOFT, WASH
from dnac.report.words import percent

WIDE, ROW, GAP, INDENT = 560, 18, 16, 22


def sketch(diagram: Diagram) -> str:
    """The diagram as one `<svg>` element."""
    shares = {edge.head: edge.share for edge in diagram.edges if edge.share is not None}
    again = {edge.head: edge for edge in diagram.edges if edge.role == "again"}
    body, height = _column(diagram.items, 10, 10, WIDE - 20, shares, again)
    return (
        f'<svg viewBox="0 0 {WIDE} {height:.0f}" width="{WIDE}" height="{height:.0f}" role="img" '
        f'font-family="Helvetica,Arial,sans-serif">{"".join(body)}</svg>'
    )


def _column(
    items: Sequence[Box | Frame],
    x: float,
    y: float,
    width: float,
    shares: Mapping[str, float],
    again: Mapping[str, Edge],
) -> tuple[list[str], float]:
    """Items below one another; returns what was drawn and the next free y."""
    drawn: list[str] = []
    for item in items:
        if isinstance(item, Box):
            if item.role == "combine":
                continue
            text, y = _box(item, x, y, width, shares, again)
            drawn += text
            continue
        head = 12 + ROW * (1 + len(item.lines))
        inner, end = _column(item.items, x + INDENT, y + head, width - 2 * INDENT, shares, again)
        fill = WASH if item.role == "step" else PAPER
        drawn.append(_rectangle((x, y, width, end - y), fill, LINE))
        drawn += [_text(x + 12, y + 18 + ROW * i, t, i == 0) for i, t in enumerate((item.title, *item.lines))]
        drawn += inner
        y = end + GAP
    return drawn, y


def _box(
    box: Box, x: float, y: float, width: float, shares: Mapping[str, float], again: Mapping[str, Edge]
) -> tuple[list[str], float]:
    title = box.title + (f" ×{box.count}" if box.count > 1 else "")
    words = list(box.lines)
    if (share := shares.get(box.id)) is not None:
        words.append(f"{percent(share)} of the choices")
    if box.id in again and again[box.id].tail == box.id:
        words.append(again[box.id].label)
    paint = "io" if box.role in ("input", "output") else box.role
    height = 14 + ROW * (1 + len(words))
    dash = {"identity": ' stroke-dasharray="5 3"', "reference": ' stroke-dasharray="1 3"'}.get(box.role, "")
    drawn = [_rectangle((x, y, width, height), FILL[paint], EDGE[paint], dash)]
    drawn += [_text(x + 12, y + 18 + ROW * i, t, i == 0) for i, t in enumerate((title, *words))]
    return drawn, y + height + GAP


def _rectangle(place: tuple[float, float, float, float], fill: str, line: str, more: str = "") -> str:
    x, y, width, height = place
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="7" fill="{fill}" '
        f'stroke="{line}"{more}/>'
    )


def _text(x: float, y: float, text: str, bold: bool) -> str:
    style = f'font-weight="bold" font-size="13" fill="{INK}"' if bold else f'font-size="12" fill="{SOFT}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(text)}</text>'

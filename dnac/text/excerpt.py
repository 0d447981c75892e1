"""One line of a source as it can be shown: tabs spaced out, control characters escaped, trimmed to fit."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.text.source import Span

WIDEST = 120
"""Columns of source text that are shown."""
_TAB = 4


@dataclass(frozen=True)
class Excerpt:
    """The shown text of a line, and where a span on it lies in shown columns."""

    text: str
    start: int
    width: int


def excerpt(span: Span) -> Excerpt:
    """The first line of a span; of a wide line, the part around the span."""
    line = span.source.line_text(span.line)
    stop = span.end_column - 1 if span.end_line == span.line else len(line)
    cells = [_shown(c) for c in line]
    widths = [_width(c, cell) for c, cell in zip(line, cells, strict=True)]
    start = sum(widths[: span.column - 1])
    width = max(sum(widths[span.column - 1 : stop]), 1)
    if sum(widths) <= WIDEST:
        return Excerpt("".join(cells), start, width)
    return _trimmed(cells, widths, start, width)


def _trimmed(cells: list[str], widths: list[int], start: int, width: int) -> Excerpt:
    """Keep whole characters around the span, with `...` where something is left out."""
    room = WIDEST - 6
    low = max(0, min(start - room // 3, sum(widths) - room))
    kept, column, shown_from = list[str](), 0, 0
    for cell, cell_width in zip(cells, widths, strict=True):
        if low <= column and column + cell_width <= low + room:
            if not kept:
                shown_from = column
            kept.append(cell)
        column += cell_width
    before = "..." if shown_from else ""
    after = "..." if low + room < column else ""
    text = before + "".join(kept)
    at = start - shown_from + len(before)
    return Excerpt(text + after, at, max(1, min(width, low + room - start)))


def _shown(character: str) -> str:
    if character == "\t":
        return " " * _TAB
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _width(character: str, cell: str) -> int:
    """Columns of a terminal that a shown character takes."""
    if character.isascii() or len(cell) > 1:
        return len(cell)
    from unicodedata import combining, east_asian_width  # rarely needed: keep start-up short

    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1

"""Places as editors count them: lines and characters from 0, characters in UTF-16 units or another encoding."""

from __future__ import annotations

from typing import NamedTuple

from dnac.text.source import Source, Span


class Place(NamedTuple):
    """A place between two characters."""

    line: int
    character: int


class Range(NamedTuple):
    """A stretch of text; the end is exclusive."""

    start: Place
    end: Place


def place_of(source: Source, offset: int, encoding: str = "utf-16") -> Place:
    """Where a code point offset lies for an editor."""
    line, column = source.position(offset)
    return Place(line - 1, units(source.line_text(line)[: column - 1], encoding))


def range_of(span: Span, encoding: str = "utf-16") -> Range:
    """A span as a range."""
    return Range(place_of(span.source, span.start, encoding), place_of(span.source, span.end, encoding))


def offset_of(source: Source, place: Place, encoding: str = "utf-16") -> int:
    """The code point offset of an editor's place; one past the end of its line is that end.

    A place inside a character counts as the place behind it.
    """
    if place.line >= source.line_count:
        return len(source.text)
    passed = points = 0
    for character in source.line_text(place.line + 1):
        if passed >= place.character:
            break
        passed += units(character, encoding)
        points += 1
    return source.offset(place.line + 1, points + 1)


def units(text: str, encoding: str) -> int:
    """How many code units `text` has: 4, 2 and 1 for an emoji in utf-8, utf-16 and utf-32."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

"""Source text and places in it: the only owner of line and column arithmetic.

Lines and columns are 1-based and count Unicode code points; the end of a span is exclusive.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Source:
    """One text with the name under which people know it (a path, or `--set`)."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a code point offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The code point offset of a line and column; a place past the end of its line or text is that end."""
        if line > len(self._line_starts):
            return len(self.text)
        return self._line_starts[line - 1] + min(column - 1, len(self.line_text(line)))

    @property
    def line_count(self) -> int:
        """Lines of the text, an empty one behind the last line break too."""
        return len(self._line_starts)

    def line_text(self, line: int) -> str:
        """The text of one line, without its line break."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


@dataclass(frozen=True)
class Span:
    """The half-open range `[start, end)` of a source, in code points."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """1-based line of the first code point."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """1-based column of the first code point."""
        return self.source.position(self.start)[1]

    @property
    def end_line(self) -> int:
        """1-based line of the exclusive end."""
        return self.source.position(self.end)[0]

    @property
    def end_column(self) -> int:
        """1-based column of the exclusive end."""
        return self.source.position(self.end)[1]

    @property
    def text(self) -> str:
        """The text that the span covers."""
        return self.source.text[self.start : self.end]

    def to(self, last: Span) -> Span:
        """The span from the start of this one to the end of `last`."""
        return Span(self.source, self.start, max(self.end, last.end))

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"

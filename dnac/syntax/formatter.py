"""Tree and comments to canonical text.

Spaces, indentation, brackets and long lines are the formatter's; which statements share a line, which
blocks stay on one line, and where a blank line separates is the author's. A comment inside ( ) or [ ]
moves in front of its statement. Formatting twice changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import zip_longest

from dnac.syntax import ast
from dnac.syntax.layout import Body, Entry, Shape, shape
from dnac.syntax.printer import argument, expression

WIDEST = 120
"""Columns of a line, where it can be broken at all."""
_INDENT = "  "


def format_file(file: ast.File) -> str:
    """The canonical text of a file, with all its comments in order. The file must be free of errors."""
    layout = _Layout(file)
    layout.header()
    layout.entries(file.items, depth=0, end=1 << 60)
    return "\n".join(layout.lines) + "\n"


def flat(entry: Entry) -> str:
    """An entry on one line, whatever its length."""
    parts = shape(entry)
    return parts.head + (" " + _flat_body(parts.body) if parts.body else "")


def _flat_body(body: Body) -> str:
    return "{ " + "; ".join(flat(entry) for entry in body.entries) + " }" if body.entries else "{ }"


class _Layout:
    """Writes lines from top to bottom, and places each comment where its turn comes."""

    def __init__(self, file: ast.File) -> None:
        self.file = file
        self.lines: list[str] = []
        self.comments = deque(file.comments)
        self.last_line: int | None = None
        """Line in the source of what was written last; None at the start of a block."""

    def header(self) -> None:
        start = self.file.span
        self.leading_comments(0, start.start, start.line)
        self.write(0, [f"dna {self.file.version}"], start.line, start.line)
        self.trailing_comment(start.line, 1 << 60)

    def entries(self, entries: Sequence[Entry], depth: int, end: int) -> None:
        """The inside of a block that ends at offset `end` of the source."""
        rows = _rows(entries, WIDEST - len(_INDENT) * depth)
        for row, following in zip_longest(rows, rows[1:]):
            first, last = row[0].span, row[-1].span
            body = shape(row[0]).body if len(row) == 1 else None
            if body is not None and not self.fits(row[0], body, depth):
                self.block(row[0], body, depth)
            else:
                self.leading_comments(depth, last.end, first.line)
                self.write(depth, self.row(row, depth), first.line, last.end_line)
            self.trailing_comment(last.end_line, following[0].span.start if following else end)
        self.leading_comments(depth, end, 1 << 60)

    def fits(self, entry: Entry, body: Body, depth: int) -> bool:
        """Whether an entry with a body stays on one line: written so, short enough, no comment in it."""
        return body.span.line == body.span.end_line and len(_INDENT) * depth + len(flat(entry)) <= WIDEST

    def row(self, row: Sequence[Entry], depth: int) -> list[str]:
        text = "; ".join(flat(entry) for entry in row)
        if len(_INDENT) * depth + len(text) <= WIDEST or len(row) > 1:
            return [text]
        return broken(shape(row[0]), WIDEST - len(_INDENT) * depth)

    def block(self, entry: Entry, body: Body, depth: int) -> None:
        parts = shape(entry)
        opening = body.entries[0].span.start if body.entries else body.span.end
        brace = body.span.start
        self.leading_comments(depth, brace, entry.span.line)
        head = broken(Shape(parts.before, parts.value, parts.after + " {"), WIDEST - len(_INDENT) * depth)
        self.write(depth, head, entry.span.line, body.span.line)
        self.trailing_comment(body.span.line, opening)
        self.last_line = None
        self.entries(body.entries, depth + 1, body.span.end)
        self.last_line = None
        self.write(depth, ["}"], body.span.end_line, body.span.end_line)

    # --- lines and comments -----------------------------------------------------------------------

    def write(self, depth: int, lines: Sequence[str], first_line: int, last_line: int) -> None:
        """Add lines that stood at `first_line` to `last_line` of the source, after its blank line if any."""
        if self.last_line is not None and first_line - self.last_line > 1:
            self.lines.append("")
        self.lines += [_INDENT * depth + line for line in lines]
        self.last_line = last_line

    def leading_comments(self, depth: int, before: int, line: int) -> None:
        """Comments up to offset `before`, each on its own line; those beyond `line` move up to it."""
        while self.comments and self.comments[0].span.start < before:
            comment = self.comments.popleft()
            at = min(comment.span.line, line)
            self.write(depth, [comment.text], at, at)

    def trailing_comment(self, line: int, before: int) -> None:
        """The comment that ends a line of the source (and stands before an offset), behind the line just written."""
        if self.comments and self.comments[0].span.line == line and self.comments[0].span.start < before:
            self.lines[-1] += "  " + self.comments.popleft().text


def _rows(entries: Sequence[Entry], width: int) -> list[list[Entry]]:
    """Entries that share a line of the source and, joined by `;`, still fit."""
    rows: list[list[Entry]] = []
    for entry in entries:
        if rows and _joins(rows[-1], entry):
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return [part for row in rows for part in _split(row, width)]


def _joins(row: list[Entry], entry: Entry) -> bool:
    return row[-1].span.end_line == entry.span.line


def _split(row: list[Entry], width: int) -> list[list[Entry]]:
    fits = len("; ".join(flat(entry) for entry in row)) <= width
    one_line = all(entry.span.line == entry.span.end_line for entry in row)
    return [row] if fits and one_line else [[entry] for entry in row]


def broken(parts: Shape, width: int) -> list[str]:
    """A head on one line if it fits, else with its call or list broken into one line for each argument."""
    if len(parts.head) <= width or parts.value is None:
        return [parts.head]
    return _broken(parts.before, parts.value, parts.after, width)


def _broken(before: str, value: ast.Expr, after: str, width: int) -> list[str]:
    whole = before + expression(value) + after
    if len(whole) <= width:
        return [whole]
    if isinstance(value, ast.Call) and value.args:
        opening, closing = expression(value.callee) + "(", ")"
        items = [(argument(arg).removesuffix(expression(arg.value)), arg.value) for arg in value.args]
    elif isinstance(value, ast.ListExpr) and value.items:
        opening, closing = "[", "]"
        items = [("", item) for item in value.items]
    else:
        return [whole]
    lines = [before + opening]
    for number, (name, item) in enumerate(items):
        comma = "," if number + 1 < len(items) else ""
        lines += [_INDENT + line for line in _broken(name, item, comma, width - len(_INDENT))]
    return [*lines, closing + after]

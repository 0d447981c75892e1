"""A diagnostic as text, plain or coloured, and as JSON. The only place that formats diagnostics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from dnac.text.diagnostic import Diagnostic
from dnac.text.excerpt import excerpt
from dnac.text.source import Span

_STYLES = {"error": "1;31", "warning": "1;33", "note": "1;36", "frame": "1;34", "bold": "1", "help": "1;32"}


def render(diagnostic: Diagnostic, colour: bool = False) -> str:
    """The diagnostic with its source lines and carets, as a user reads it; ends without a line break."""
    paint = _Paint(colour)
    head = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    lines = [head + paint("bold", f": {diagnostic.message}")]
    places = _places(diagnostic)
    width = max((len(str(mark.span.line)) for mark in places), default=1)
    for _, marks in groupby(places, key=lambda mark: mark.span.source.path):
        lines += _snippet(list(marks), diagnostic.severity, width, paint)
    footer = " " * width + paint("frame", " = ")
    if diagnostic.help:
        lines.append(footer + paint("help", "help: ") + diagnostic.help)
    lines += [footer + paint("bold", "note: ") + note for note in diagnostic.notes]
    return "\n".join(lines)


def render_all(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """Several diagnostics with an empty line between; empty for none."""
    return "\n\n".join(render(d, colour) for d in diagnostics)


def as_json(diagnostic: Diagnostic) -> dict[str, str | int | None]:
    """The diagnostic as a JSON object: lines and columns 1-based in code points, the end exclusive.

    `file` and the four numbers are null for a diagnostic without a place.
    """
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": span.source.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "help": diagnostic.help,
    }


class _Paint:
    """Text in a style, or as it is."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.on and text else text


@dataclass(frozen=True)
class _Mark:
    """A place to show; the primary one is the diagnostic's own."""

    span: Span
    text: str
    is_primary: bool


def _places(diagnostic: Diagnostic) -> list[_Mark]:
    """All marks: the diagnostic's own file first, then other files as they come; by place within a file."""
    if diagnostic.span is None:
        marks: list[_Mark] = []
    else:
        marks = [_Mark(diagnostic.span, diagnostic.label, True)]
    marks += [_Mark(label.span, label.text, False) for label in diagnostic.labels]
    paths = list(dict.fromkeys(mark.span.source.path for mark in marks))
    return sorted(marks, key=lambda mark: (paths.index(mark.span.source.path), mark.span.start))


def _snippet(marks: list[_Mark], severity: str, width: int, paint: _Paint) -> list[str]:
    """The lines of one file with carets below; `^` for the diagnostic's own place, `-` for others."""
    place = next((mark for mark in marks if mark.is_primary), marks[0]).span
    arrow = "-->" if any(mark.is_primary for mark in marks) else ":::"
    bar = paint("frame", " " * width + " |")
    lines = [paint("frame", " " * width + arrow) + " " + _printable(str(place)), bar]
    shown = 0
    for mark in marks:
        part, line = excerpt(mark.span), mark.span.line
        if line != shown:
            if shown and line > shown + 1:
                lines.append(paint("frame", "..."))
            lines.append(paint("frame", f"{line:>{width}} |") + (" " + part.text if part.text else ""))
        shown = line
        carets = ("^" if mark.is_primary else "-") * part.width + (" " + mark.text if mark.text else "")
        style = severity if mark.is_primary else "frame"
        lines.append(bar + " " + " " * part.start + paint(style, carets))
    return lines


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)

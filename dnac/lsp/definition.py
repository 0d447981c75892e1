"""Where a name was declared: the file and the stretch of it to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnac.lsp.document import Document
from dnac.lsp.resolve import declaration_at, used_file
from dnac.syntax import ast
from dnac.text.source import Source, Span


@dataclass(frozen=True)
class Target:
    """A place in this or another file."""

    path: Path
    at: Span


def definition(document: Document, offset: int) -> Target | None:
    """Where the name at a place was declared; for a `use`, or a name of it, the used file itself."""
    found = declaration_at(document, offset)
    if found is None:
        return None
    declaration = found.declaration
    if isinstance(declaration.node, ast.Use):
        unit = used_file(document, declaration.node)
        if unit is not None and found.at.start >= declaration.node.path.span.start:
            return Target(unit.path, _start(unit.source))
    span = declaration.name.span
    return Target(document.path_of(span.source), span)


def _start(source: Source) -> Span:
    return Span(source, 0, 0)

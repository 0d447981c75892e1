"""Where a name was declared: the file and the stretch of it to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnac.lsp.document import Document
from dnac.lsp.resolve import Found, declaration_at, used_file
from dnac.lsp.where import VALUES, Reader
from dnac.syntax import ast
from dnac.text.source import Source, Span


@dataclass(frozen=True)
class Target:
    """A place in this or another file."""

    path: Path
    at: Span


def definition(document: Document, offset: int) -> Target | None:
    """Where the name at a place was declared; for a `use`, or a name of it, the used file itself."""
    found = name_at(document, offset)
    if found is None:
        return None
    declaration = found.declaration
    if isinstance(declaration.node, ast.Use):
        unit = used_file(document, declaration.node)
        if unit is not None and found.at.start >= declaration.node.path.span.start:
            return Target(unit.path, _start(unit.source))
    span = declaration.name.span
    return Target(document.path_of(span.source), span)


def name_at(document: Document, offset: int) -> Found | None:
    """What the name at a place means; None where it is a word that its field takes, whatever else has that name."""
    found = declaration_at(document, offset)
    if found is None or document.words is None or found.declaration.name.span == found.at:
        return found
    reader = Reader(document, document.words)
    index = reader.word_at(offset)
    if not reader.is_own_word(index):
        return found
    wanted = reader.expected(index).sorts
    return found if found.declaration.sort in wanted and found.declaration.sort not in VALUES else None


def _start(source: Source) -> Span:
    return Span(source, 0, 0)

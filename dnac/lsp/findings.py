"""Diagnostics as an editor shows them: a message with its help, a place in the open text, places that explain it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dnac.driver import check_asserts
from dnac.lsp.document import Document
from dnac.syntax import ast
from dnac.text.diagnostic import Bag, Diagnostic, Severity
from dnac.text.source import Span


@dataclass(frozen=True)
class Related:
    """A second place."""

    path: Path
    at: Span
    text: str


@dataclass(frozen=True)
class Finding:
    """One diagnostic at a place of the open text."""

    code: str
    severity: Severity
    message: str
    at: Span
    related: tuple[Related, ...]


def findings(document: Document) -> list[Finding]:
    """All faults but those of asserts on costs, in the order of the text."""
    return _findings(document, document.checked.bag)


def slow_findings(document: Document) -> list[Finding]:
    """Asserts that the plan's numbers do not keep; empty while there are other errors."""
    bag = Bag()
    if not document.checked.bag.has_errors:
        for net in document.checked.nets:
            check_asserts(net, bag)
    return _findings(document, bag)


def has_slow_checks(document: Document) -> bool:
    """Whether a net asserts anything about its costs."""
    return any(net.asserts for net in document.checked.nets)


def _findings(document: Document, diagnostics: Iterable[Diagnostic]) -> list[Finding]:
    return sorted((_finding(document, d) for d in diagnostics), key=lambda f: f.at.start)


def _finding(document: Document, diagnostic: Diagnostic) -> Finding:
    own, related = _place(document, diagnostic.span), list(_related(document, diagnostic))
    if diagnostic.span is not None and own is not diagnostic.span:
        there = diagnostic.span
        related.insert(0, Related(document.path_of(there.source), there, diagnostic.label or "the fault is here"))
    return Finding(diagnostic.code, diagnostic.severity, message(diagnostic), own, tuple(related))


def message(diagnostic: Diagnostic) -> str:
    """What an editor shows: the message, what the caret's label says, help and notes, a line each."""
    label = [diagnostic.label] if diagnostic.label else []
    help_ = [f"help: {diagnostic.help}"] if diagnostic.help else []
    return "\n".join([diagnostic.message, *label, *help_, *(f"note: {note}" for note in diagnostic.notes)])


def _related(document: Document, diagnostic: Diagnostic) -> Iterator[Related]:
    for label in diagnostic.labels:
        yield Related(document.path_of(label.span.source), label.span, label.text)


def _place(document: Document, span: Span | None) -> Span:
    """The place in the open text: a fault of a used file stands at the `use` that brings it in."""
    source = document.source
    if span is None:
        return Span(source, 0, 0)
    if span.source.path == source.path:
        return span
    for item in document.unit.tree.items if document.unit is not None else ():
        if isinstance(item, ast.Use) and document.brings(item, span.source.path):
            return item.path.span
    return Span(source, 0, 0)

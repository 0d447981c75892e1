"""Our values as those of the protocol."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris

from dnac.lsp.completion import Item
from dnac.lsp.findings import Finding as Finding
from dnac.lsp.hover import Hover
from dnac.lsp.places import Place, range_of
from dnac.text.source import Source, Span

_SEVERITY = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}
_SORTS = {
    "keyword": lsp.CompletionItemKind.Keyword,
    "field": lsp.CompletionItemKind.Field,
    "kind": lsp.CompletionItemKind.Class,
    "value": lsp.CompletionItemKind.EnumMember,
    "file": lsp.CompletionItemKind.File,
    "param": lsp.CompletionItemKind.Constant,
    "member": lsp.CompletionItemKind.EnumMember,
    "module recipe": lsp.CompletionItemKind.Function,
    "router recipe": lsp.CompletionItemKind.Function,
}


def place(position: lsp.Position) -> Place:
    """A place of the protocol as ours."""
    return Place(position.line, position.character)


def range_(span: Span, encoding: str) -> lsp.Range:
    """A stretch of text."""
    start, end = range_of(span, encoding)
    return lsp.Range(lsp.Position(*start), lsp.Position(*end))


def location(path: Path, span: Span, encoding: str) -> lsp.Location:
    """A stretch of text in a file."""
    return lsp.Location(uris.from_fs_path(str(path.absolute())) or "", range_(span, encoding))


def diagnostic(finding: Finding, uri: str, encoding: str) -> lsp.Diagnostic:
    """One fault; second places as related information, those of the open text under its own address."""
    related = [
        lsp.DiagnosticRelatedInformation(
            lsp.Location(uri, range_(r.at, encoding))
            if r.at.source.path == finding.at.source.path
            else location(r.path, r.at, encoding),
            r.text,
        )
        for r in finding.related
    ]
    return lsp.Diagnostic(
        range=range_(finding.at, encoding),
        message=finding.message,
        severity=_SEVERITY[finding.severity],
        code=finding.code,
        source="dnac",
        related_information=related or None,
    )


def hover(found: Hover, encoding: str) -> lsp.Hover:
    """Markdown about a stretch of text."""
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text), range_(found.at, encoding))


def completion(item: Item, order: int, encoding: str) -> lsp.CompletionItem:
    """One suggestion; `order` keeps our order, which editors would else make alphabetical."""
    edit = lsp.TextEdit(range_(item.replaces, encoding), item.insert) if item.replaces is not None else None
    return lsp.CompletionItem(
        label=item.label,
        kind=_SORTS.get(item.sort, lsp.CompletionItemKind.Variable),
        detail=item.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, item.text) if item.text else None,
        sort_text=f"{order:04}",
        insert_text=item.insert if edit is None else None,
        text_edit=edit,
    )


def whole(source: Source, text: str, encoding: str) -> lsp.TextEdit:
    """The edit that puts `text` in place of everything."""
    return lsp.TextEdit(range_(Span(source, 0, len(source.text)), encoding), text)

"""The canonical text of a document, as `dnac fmt` writes it."""

from __future__ import annotations

from dnac.lsp.document import Document
from dnac.syntax.formatter import format_file
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag, InternalError
from dnac.text.source import Source


def formatted(document: Document) -> str | None:
    """The canonical text; None where the text has syntax errors, or is canonical already.

    Raises:
        InternalError: the canonical text would not mean the same.
    """
    bag = Bag()
    file = None if document.unreadable is not None else parse(document.source, bag)
    if file is None or bag.has_errors:
        return None
    text = format_file(file)
    if parse(Source(document.source.path, text), Bag()) != file:
        raise InternalError("syntax.formatter", f"formatting {document.source.path} would change its meaning")
    return None if text == document.source.text else text

"""What the word under the cursor is: a declared thing with its costs, or a word of the language."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.kinds.params import Params
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.lsp.costs import cost_text
from dnac.lsp.definition import name_at
from dnac.lsp.describe import field_text, keyword_text, kind_text
from dnac.lsp.document import Document
from dnac.lsp.names import Declaration
from dnac.lsp.resolve import path_to
from dnac.lsp.where import Reader
from dnac.syntax import ast
from dnac.syntax.words import KEYWORDS
from dnac.text.source import Span


@dataclass(frozen=True)
class Hover:
    """Markdown about a stretch of text."""

    text: str
    at: Span


def hover(document: Document, offset: int) -> Hover | None:
    """What to show for a place; None where nothing stands."""
    found = name_at(document, offset)
    if found is not None:
        return Hover(_declared(document, found.declaration), found.at)
    words = document.words
    if words is None or any(c.span.start <= offset <= c.span.end for c in words.comments):
        return None
    reader = Reader(document, words)
    index = reader.word_at(offset)
    word = reader.words[index]
    if word.type != "NAME" or not word.span.start <= offset <= word.span.end:
        return None
    text = _word(document, reader, index)
    return Hover(text, word.span) if text else None


def _declared(document: Document, declaration: Declaration) -> str:
    node, sort = declaration.node, declaration.sort
    parts = [f"```dna\n{_headline(declaration)}\n```"]
    if sort in ("module recipe", "router recipe", "param", "net"):
        parts.append(_comment_above(declaration))
    if sort not in ("param", "formal", "turn", "file"):
        parts.append(cost_text(document, node))
    return "\n\n".join(part for part in parts if part)


def _headline(declaration: Declaration) -> str:
    """The declaration as written, up to its block; one line."""
    node = declaration.node
    text = node.span.text.split("{", 1)[0] if declaration.sort != "member" else node.span.text
    line = " ".join(text.split())
    shown = line if len(line) <= 100 else line[:99] + "…"
    prefix = {"member": "member ", "formal": "argument ", "turn": ""}.get(declaration.sort, "")
    return prefix + shown


def _comment_above(declaration: Declaration) -> str:
    """The comment lines directly above a declaration."""
    source, line = declaration.name.span.source, declaration.name.span.line - 1
    found = list[str]()
    while line > 0 and source.line_text(line).lstrip().startswith("#"):
        found.insert(0, source.line_text(line).lstrip().lstrip("#").strip())
        line -= 1
    return " ".join(found)


def _word(document: Document, reader: Reader, index: int) -> str:
    """A word that nothing declares: a kind, a field, or a word of the grammar."""
    word = reader.words[index].text
    follower = reader.words[index + 1].type if index + 1 < len(reader.words) else ""
    if follower == "EQUAL":
        params = _owner(reader, index)
        if params is not None and word in params.model_fields:
            return field_text(params, word)
    of = reader.catalogue(index, word)
    if of is not None:
        costs = _costs_around(document, reader.words[index].span.start) if of in ("module", "embed", "head") else ""
        return kind_text(of, word) + (f"\n\n{costs}" if costs else "")
    return keyword_text(word) if word in KEYWORDS else ""


def _owner(reader: Reader, index: int) -> type[Params] | None:
    """Whose field a key is: of a call, of a block of settings, or, behind a dot, of a router or train block."""
    expected = reader.expected(index)
    if expected.chain:
        name = reader.words[index].text
        return next((p for p in (RouterParams, TrainParams) if name in p.model_fields), None)
    return expected.fields


def _costs_around(document: Document, offset: int) -> str:
    """Figures of the module whose kind stands at a place."""
    if document.unit is None:
        return ""
    around = path_to(document.unit.tree, offset)
    for node in reversed(around):
        if isinstance(node, (ast.Member, ast.ModuleDecl, ast.Embed, ast.Head)):
            return cost_text(document, node)
        if isinstance(node, ast.Apply):
            return cost_text(document, node)
    return ""

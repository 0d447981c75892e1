"""Words of the language in a few lines of Markdown, from the texts that `docs/kinds.md` is written from."""

from __future__ import annotations

from functools import cache

from dnac.kinds.base import Kind
from dnac.kinds.document import default, explained, signature, takes
from dnac.kinds.params import Params
from dnac.semantics import words as language
from dnac.syntax.words import FORMS


@cache
def kind_text(catalogue: str, name: str) -> str:
    """A word: its arguments, one line of meaning, and each argument with default and meaning."""
    kind: Kind = language.kind(catalogue, name)
    lines = [f"```dna\n{signature(kind)}\n```", f"{kind.summary} *({catalogue})*"]
    fields = params_text(kind.Params)
    return "\n\n".join([*lines, fields] if fields else lines)


@cache
def params_text(params: type[Params]) -> str:
    """One item per field."""
    return "\n".join(f"- {_line(params, name)}" for name in params.model_fields)


@cache
def field_text(params: type[Params], name: str) -> str:
    """One field: what it takes, its default, what it means."""
    return _line(params, name)


@cache
def keyword_text(word: str) -> str:
    """A word of the grammar: how it is written."""
    return f"```dna\n{FORMS[word]}\n```" if word in FORMS else ""


def _line(params: type[Params], name: str) -> str:
    field = params.model_fields[name]
    meaning = explained(params).get(name, "")
    standard = default(field, meaning)
    unsaid = f", default {standard}" if standard else ", must be written" if field.is_required() else ""
    return f"`{name}`: {takes(field)}{unsaid}. {meaning}".rstrip()

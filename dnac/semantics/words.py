"""The words of the language: which exist, in which catalogue, and which may not become names."""

from __future__ import annotations

from functools import cache
from typing import Any

from dnac import catalogue
from dnac.kinds.planned import PLANNED
from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.semantics.slots import literal_words, slots_of
from dnac.syntax.words import KEYWORDS

FIXED = ("true", "false", "none", "schedule")
"""Words that mean the same in every field."""

_OPEN = ("dataset", "tokenizer", "rewrite", "lowering", "view", "command", "baseline", "budget", "by", "scope")
"""Catalogues whose words may also be names: they grow with each data set, or no name competes with them."""


def kind_catalogues() -> tuple[str, ...]:
    """Catalogues whose words belong to the language version."""
    return tuple(c for c in catalogue.CATALOGUES if c not in _OPEN)


def names(of: str) -> tuple[str, ...]:
    """All words of a catalogue."""
    return catalogue.names(of)


def has(of: str, word: str) -> bool:
    """Whether a catalogue has the word."""
    return word in catalogue.names(of)


def kind(of: str, word: str) -> Any:
    """The kind behind a word that the catalogue has."""
    return catalogue.get(of, word)


def all_words() -> tuple[str, ...]:
    """The words of all catalogues of the language, for near names."""
    return tuple(dict.fromkeys(word for c in kind_catalogues() for word in names(c)))


def planned(of: str, word: str) -> str | None:
    """The sentence about a word that is known and not built, else None."""
    return PLANNED.get((of, word))


def meaning(word: str) -> str | None:
    """What a reserved word is, for messages: "a keyword", "a word for `gate`"; None if it is free."""
    if word in KEYWORDS:
        return "a keyword"
    if word in FIXED:
        return "a fixed word"
    homes = [c for c in kind_catalogues() if has(c, word)]
    if homes:
        return "a module kind" if homes[0] == "module" else f"a word for `{homes[0]}`"
    return "a fixed word" if word in _literals() else None


def is_of_a_field(word: str) -> bool:
    """Whether it is reserved because some field takes it, and for nothing else: then a net may be called so."""
    return word not in KEYWORDS and word not in FIXED and not has("module", word) and meaning(word) is not None


def is_word(word: str) -> bool:
    """Whether any field anywhere takes this word as its own value, or will one day (data sets included)."""
    if meaning(word) not in (None, "a keyword") or any(known == word for _, known in PLANNED):
        return True
    return any(has(c, word) for c in ("dataset", "tokenizer"))


@cache
def _literals() -> frozenset[str]:
    return frozenset(
        w for params in (RouterParams, TrainParams) for s in slots_of(params).values() for w in literal_words(s)
    )

"""The words of the language: which exist, in which catalogue, and which of them may not become names."""

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

_DATA = ("dataset", "tokenizer")
"""Catalogues that grow with each data set, and that hold much that other languages call otherwise."""
_NO_WORDS = ("rewrite", "lowering", "view", "command", "baseline")
"""Catalogues of which no field of a file takes a word."""


def kind_catalogues() -> tuple[str, ...]:
    """Catalogues whose words belong to the language version."""
    return tuple(c for c in catalogue.CATALOGUES if c not in (*_DATA, *_NO_WORDS))


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
    return "a word that some field takes" if word in _literals() else None


def reserved(word: str, *, is_module: bool) -> str | None:
    """What keeps a word from being a name, as `meaning` says it; None if it may be one.

    A field knows which words are its own, so that a name competes with them only where it stands for a value
    (`semantics.convert` refuses such a place). A module stands where its kind stands: `is_module` names none.
    """
    if word in KEYWORDS or word in FIXED or (is_module and has("module", word)):
        return meaning(word)
    return None


def is_word(word: str) -> bool:
    """Whether any field anywhere takes this word as its own value, or will one day (data sets included)."""
    if meaning(word) not in (None, "a keyword") or any(known == word for _, known in PLANNED):
        return True
    return any(has(c, word) for c in (*_DATA, *kind_catalogues()))


@cache
def _literals() -> frozenset[str]:
    """Words of fields that are in no catalogue: `per = batch`, `order = gate`."""
    kinds = [kind(c, word).Params for c in kind_catalogues() for word in names(c)]
    found = (s for params in (RouterParams, TrainParams, *kinds) for s in slots_of(params).values())
    return frozenset(word for slot in found for word in literal_words(slot))

"""Write the TextMate grammar of `editors/vscode` from the code: `python -m dnac.lsp.grammar`.

Keywords, kinds and fields are those of the code, and a test says whether the file is current. The
patterns are all single-line matches, in what Python's `re` and Oniguruma read alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dnac.kinds.router import RouterParams
from dnac.kinds.train import TrainParams
from dnac.semantics import words as language
from dnac.semantics.asserts import FACTS
from dnac.semantics.pools import PoolParams
from dnac.syntax.words import DECLARATIONS, ITEMS, JOINTS, STEPS, SUFFIXES, UNITS

PAGE = Path(__file__).parents[2] / "editors" / "vscode" / "syntaxes" / "dna.tmLanguage.json"

NAMED = ("net", "module", "router", "pool", "head", "param", "train", "stream", "budget")
"""Keywords that a new name follows."""
KEYWORDS = tuple(dict.fromkeys((*ITEMS, *DECLARATIONS, *STEPS, *JOINTS)))
CONSTANTS = ("true", "false", "none")


def kinds() -> tuple[str, ...]:
    """The words of all catalogues a file may use, data sets and tokenizers included."""
    catalogues = (*language.kind_catalogues(), "dataset", "tokenizer")
    found = {word for of in catalogues for word in language.names(of)}
    return tuple(sorted((found | {"schedule"}) - set(CONSTANTS)))


def fields() -> tuple[str, ...]:
    """The arguments of all words, and the fields of routers, pools and train blocks."""
    catalogues = (*language.kind_catalogues(), "dataset", "tokenizer")
    params = [language.kind(of, word).Params for of in catalogues for word in language.names(of)]
    return tuple(sorted({f for p in (*params, RouterParams, TrainParams, PoolParams) for f in p.model_fields}))


def grammar() -> dict[str, Any]:
    """The whole grammar. The first pattern that matches at the earliest place wins."""
    keyword = rf"(?<!= )\b(?:{_any(KEYWORDS)})\b(?!\s*=(?!=))"
    units = _any([*(u for u in SUFFIXES), *(u for u in UNITS if u.isalpha())])
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "information_for_contributors": ["Written by `python -m dnac.lsp.grammar`; edit dnac/lsp/grammar.py."],
        "name": "dnac",
        "scopeName": "source.dna",
        "fileTypes": ["dna"],
        "patterns": [
            {"name": "comment.line.number-sign.dna", "match": r"#.*$"},
            {"name": "string.quoted.double.dna", "match": r'"(?:[^"\\]|\\.)*"?'},
            {
                "name": "constant.numeric.dna",
                "match": rf"\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(%|(?:{units})\b)?(?![A-Za-z0-9_])",
                "captures": {"1": {"name": "keyword.other.unit.dna"}},
            },
            {"name": "variable.parameter.dna", "match": rf"\b(?:{_any(fields())})\b(?=\s*=(?!=))"},
            {
                "match": rf"(?<!= )\b({_any(NAMED)})[ \t]+(?!(?:{_any(NAMED)})\b)([A-Za-z_][A-Za-z0-9_]*)",
                "captures": {"1": {"name": "keyword.declaration.dna"}, "2": {"name": "entity.name.type.dna"}},
            },
            {"name": "entity.name.label.dna", "match": r"\b[A-Za-z_][A-Za-z0-9_]*(?=\s*:\s*[A-Za-z_])"},
            {"name": "keyword.control.dna", "match": keyword},
            {"name": "constant.language.dna", "match": rf"\b(?:{_any((*CONSTANTS, *FACTS, 'not_causal'))})\b"},
            {"name": "support.type.dna", "match": rf"\b(?:{_any(kinds())})\b(?!\s*=(?!=))"},
            {"name": "variable.parameter.dna", "match": r"\b[A-Za-z_][A-Za-z0-9_]*(?=\s*=(?!=))"},
            {"name": "keyword.operator.dna", "match": r"<=|>=|==|[=<>+\-*/&]"},
        ],
    }


def text() -> str:
    """The grammar as the file holds it."""
    return json.dumps(grammar(), indent=2) + "\n"


def _any(words: Iterable[str]) -> str:
    """A pattern for any of some words, longer ones first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

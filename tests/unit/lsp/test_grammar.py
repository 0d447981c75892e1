"""The TextMate grammar: current, complete, and right on every shipped file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dnac.lsp import grammar
from dnac.semantics import words as language
from dnac.syntax.scanner import scan
from dnac.syntax.words import KEYWORDS
from dnac.text.diagnostic import Bag
from dnac.text.files import read_source
from editing import ROOT

FOLDER = ROOT / "editors" / "vscode"
FILES = sorted(p for folder in ("specs", "examples", "dnac/std") for p in (ROOT / folder).rglob("*.dna"))
WRITTEN = json.loads(grammar.PAGE.read_text())
PATTERNS = [(re.compile(p["match"]), p) for p in WRITTEN["patterns"]]


def scopes(line: str) -> Iterator[tuple[int, int, str]]:
    """What the grammar says of a line: the earliest match wins, then the first pattern; captures first."""
    at = 0
    while at < len(line):
        found = [
            (m.start(), order, m) for order, (pattern, _) in enumerate(PATTERNS) if (m := pattern.search(line, at))
        ]
        if not found:
            return
        _, order, match = min(found, key=lambda f: f[:2])
        rule: dict[str, Any] = PATTERNS[order][1]
        for group, capture in rule.get("captures", {}).items():
            if match.start(int(group)) >= 0:
                yield match.start(int(group)), match.end(int(group)), capture["name"]
        if "name" in rule:
            yield match.start(), match.end(), rule["name"]
        assert match.end() > at or match.end() > match.start()
        at = max(match.end(), at + 1)


def scope_of(line: str, text: str) -> str:
    """The scope that covers exactly a part of a line."""
    start = line.index(text)
    return next((name for first, last, name in scopes(line) if (first, last) == (start, start + len(text))), "")


def test_the_file_is_what_the_code_writes():
    assert grammar.PAGE.read_text() == grammar.text(), "run python -m dnac.lsp.grammar"


def test_all_keywords_and_kinds_are_in_it():
    text = json.dumps(WRITTEN)
    wanted = {*KEYWORDS, *language.all_words(), "stdlib_text", "bytes", "schedule"}
    assert not [word for word in wanted if not re.search(rf"\b{word}\b", text.replace("\\\\b", " "))]
    assert set(grammar.KEYWORDS) == KEYWORDS
    assert set(language.all_words()) <= {*grammar.kinds(), *grammar.CONSTANTS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_word_of_a_shipped_file_has_its_scope(path: Path):
    source = read_source(path)
    words = scan(source, Bag())
    assert words is not None
    lines = {n: list(scopes(source.line_text(n))) for n in range(1, source.line_count + 1)}
    missed = list[str]()
    for span, wanted in [*_wanted(words.lexemes), *((c.span, "comment") for c in words.comments)]:
        start, end = span.column - 1, span.end_column - 1
        found = [name for first, last, name in lines[span.line] if (first, last) == (start, end)]
        if not any(name.startswith(wanted) for name in found):
            missed.append(f"{span}: `{span.text}` is {found}, not {wanted}")
    assert not missed


def _wanted(words: list[Any]) -> Iterator[tuple[Any, str]]:
    """Words whose scope is sure: numbers, texts, keywords that begin a statement, fields, kinds as values."""
    kinds = set(grammar.kinds())
    for before, word, after in zip([words[-1], *words], words, [*words[1:], words[-1]], strict=False):
        if word.type == "NUMBER":
            yield word.span, "constant.numeric"
        elif word.type == "STRING":
            yield word.span, "string"
        elif word.type == "NAME" and after.type == "EQUAL" and before.type in ("LPAR", "COMMA", "DOT"):
            yield word.span, "variable"
        elif word.text in KEYWORDS and before.type in ("_SEP", "LBRACE", "COLON") and after.type != "EQUAL":
            yield word.span, "keyword"
        elif word.text in kinds and before.type == "EQUAL":
            yield word.span, "support.type"


@pytest.mark.parametrize(
    ("line", "text", "scope"),
    [
        ("  sees = module", "module", "support.type.dna"),
        ("  module m = mlp(gelu, 4x)", "module", "keyword.declaration.dna"),
        ("  module m = mlp(gelu, 4x)", "m", ""),
        ("def module blk(n = 2) { }", "blk", "entity.name.type.dna"),
        ("def module blk(n = 2) { }", "module", "keyword.declaration.dna"),
        ("  hop: route nodes by {", "hop", "entity.name.label.dna"),
        ("  hop: route nodes by {", "by", "keyword.control.dna"),
        ("  mlp = swiglu(4x)", "mlp", "variable.parameter.dna"),
        ("  a = 25% # 3 net", "# 3 net", "comment.line.number-sign.dna"),
        ("  a = 64Ki", "64Ki", "constant.numeric.dna"),
        ("  a = 64Ki", "Ki", "keyword.other.unit.dna"),
        ("  a = 64kb", "64kb", ""),
        ('use "a#b.dna" as net1', '"a#b.dna"', "string.quoted.double.dna"),
        ("  transfomer(heads = 4)", "transfomer", ""),
        ("  networks = 3", "net", ""),
    ],
)
def test_a_word_has_the_scope_of_its_place(line: str, text: str, scope: str):
    if text == "m":
        line_start = line.index(" m ") + 1
        assert (line_start, line_start + 1, "entity.name.type.dna") in list(scopes(line))
        return
    assert scope_of(line, text) == scope


def test_the_extension_names_files_that_are_there():
    package = json.loads((FOLDER / "package.json").read_text())
    (spoken,) = package["contributes"]["languages"]
    (written,) = package["contributes"]["grammars"]
    assert (FOLDER / written["path"]).resolve() == grammar.PAGE
    assert (spoken["id"], spoken["extensions"]) == (written["language"], [".dna"])
    assert written["scopeName"] == WRITTEN["scopeName"]
    assert (FOLDER / package["main"]).is_file()
    configuration = json.loads((FOLDER / spoken["configuration"]).read_text())
    assert configuration["comments"]["lineComment"] == "#"


def test_the_hooks_are_commands_that_exist():
    from dnac import catalogue

    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    hooks = [
        dict(re.findall(r"^[- ] (\w+): (.+)$", hook, re.MULTILINE))
        for hook in re.split(r"^(?=- )", text, flags=re.M)
        if hook
    ]
    assert [hook["id"] for hook in hooks] == ["dnac-check", "dnac-fmt"]
    for hook in hooks:
        program, command = hook["entry"].split()
        assert program == "dnac"
        assert command in catalogue.names("command")
        assert hook["language"] == "python"
        assert re.search(hook["files"], "specs/a.dna")
        assert not re.search(hook["files"], "a.dnax")

"""The written tables are those of the grammar, and their interpreter takes what lark takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lark
import pytest

from dnac.syntax import tables
from dnac.syntax.builder import RULES
from dnac.syntax.lexemes import Lexeme
from dnac.syntax.machine import Machine, Refused
from dnac.syntax.scanner import scan
from dnac.syntax.words import KEYWORDS
from dnac.text.diagnostic import Bag
from dnac.text.source import Source
from strategies import mutated, spec_text

ROOT = Path(__file__).parents[3]
FILES = sorted(
    [*(ROOT / "specs").glob("*.dna"), *(ROOT / "examples").glob("*.dna"), *(ROOT / "dnac/std").rglob("*.dna")]
)


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Lark with our functions."""
    return lark.Lark(
        tables.GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer="basic", start=list(tables.STARTS),
        keep_all_tokens=True, maybe_placeholders=False, transformer=SimpleNamespace(**RULES),
    )  # fmt: skip


def steps(text: str, lark_machine: Any) -> tuple[object, object, int]:
    """Feed both all words of a text; where they stop, after how many words, and what they then could take."""
    ours, theirs, bag = Machine("file"), lark_machine.parse_interactive(start="file"), Bag()
    words = scan(Source("x.dna", text), bag)
    taken = 0
    for word in words.lexemes if words is not None else ():
        given = Lexeme(word.type, word.text, word.span)
        if word.type == "NAME" and word.text in KEYWORDS and ours.may_take(word.text.upper()):
            given.type = word.text.upper()
        assert ours.accepts() == theirs.accepts()
        try:
            mine = ours.feed(given)
        except Refused:
            with pytest.raises(lark.exceptions.UnexpectedToken):
                theirs.feed_token(given)
            return None, None, taken
        other = theirs.feed_token(given)
        taken += 1
        if mine is not None:
            return mine, other, taken
    return None, None, taken


def test_the_written_tables_are_those_of_the_grammar() -> None:
    assert tables.TABLES.read_text(encoding="utf-8") == tables.text(), "run python -m dnac.syntax.tables"


def test_tables_do_not_depend_on_the_run() -> None:
    code = "from dnac.syntax.tables import text; import sys; sys.stdout.write(text())"
    made = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert made == {tables.TABLES.read_bytes()}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_interpreter_makes_the_tree_that_lark_makes(path: Path, theirs: Any) -> None:
    mine, other, taken = steps(path.read_text(encoding="utf-8"), theirs)
    assert mine is not None and mine == other and taken > 20
    assert mine.span == other.span  # type: ignore[attr-defined]


def test_it_stops_where_lark_stops(theirs: Any) -> None:
    stopped = 0
    for seed in range(60):
        mine, other, _ = steps(mutated(spec_text(seed), seed), theirs)
        assert mine == other
        stopped += mine is None
    assert stopped > 10


def test_the_tables_are_plain_values() -> None:
    made = json.loads(tables.TABLES.read_text(encoding="utf-8"))
    assert set(made) == {"start", "end", "rules", "states"}
    assert all(isinstance(n, int) for row in made["states"] for n in row.values())

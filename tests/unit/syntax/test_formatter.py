"""Canonical text: goldens, and the promises that the laws do not cover."""

from __future__ import annotations

import pytest

import golden
from dnac.syntax.formatter import format_file
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag
from dnac.text.files import read_source
from dnac.text.source import Source

FOLDER = golden.FOLDER / "format"
CASES = sorted(path.stem for path in FOLDER.glob("*.dna"))


def formatted(text: str) -> str:
    bag = Bag()
    file = parse(Source("test.dna", text), bag)
    assert not bag.items
    assert file is not None
    return format_file(file)


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_formatted_as_in_its_golden(case: str):
    golden.check(f"format/{case}.out", formatted(read_source(FOLDER / f"{case}.dna").text))


def test_no_golden_is_left_over():
    assert golden.orphans("format", {f"{case}.{end}" for case in CASES for end in ("dna", "out")}) == []


@pytest.mark.parametrize("path", sorted((golden.FOLDER / "parse").glob("*.dna")), ids=lambda p: p.stem)
def test_the_sketches_keep_their_meaning_and_settle(path):
    text = read_source(path).text
    once = formatted(text)
    assert parse(Source("a", once), Bag()) == parse(Source("a", text), Bag())
    assert formatted(once) == once


def test_numbers_stay_as_they_were_written():
    text = "dna 1\nparam a = [1e-4, 0.50, 64k, 2Ki, 12.5%, 4x, 1E+3]\n"
    assert formatted(text) == text


def test_only_parentheses_that_change_the_meaning_stay():
    assert formatted("dna 1\nparam a = ((1 + 2)) * (3 * 4) - (5 - (6)) / -(7 + 8)\n") == (
        "dna 1\nparam a = (1 + 2) * (3 * 4) - (5 - 6) / -(7 + 8)\n"
    )


def test_a_comment_between_arguments_moves_in_front_of_its_statement():
    assert formatted("dna 1\nnet a {\n  mlp(gelu, # the usual\n    4x) # wide\n}\n") == (
        "dna 1\nnet a {\n  # the usual\n  mlp(gelu, 4x)  # wide\n}\n"
    )


def test_no_line_is_wider_than_120_columns_where_it_can_be_broken():
    arguments = ", ".join(f"argument_{i} = [{i}, {i}]" for i in range(14))
    text = formatted(f"dna 1\ntrain a {{ loss = f({arguments}) }}\n")
    assert max(map(len, text.splitlines())) <= 120
    assert formatted(text) == text


def test_statements_share_a_line_only_where_the_author_wrote_them_so_and_they_fit():
    assert (
        formatted("dna 1\ntrain a {\n  b = 1; c = 2\n  d = 3\n}\n") == "dna 1\ntrain a {\n  b = 1; c = 2\n  d = 3\n}\n"
    )
    wide = "; ".join(f"setting_{i} = {i}" for i in range(14))
    assert formatted(f"dna 1\ntrain a {{\n{wide}\n}}\n").count("\n") == 17

"""Laws of parser and formatter, over random valid files and over damaged ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnac.syntax import ast
from dnac.syntax.formatter import format_file
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag
from dnac.text.render import render_all
from dnac.text.source import Source
from strategies import mutated, spec_text

VALID, DAMAGED = 120, 1000


def parsed(text: str) -> ast.File:
    bag = Bag()
    file = parse(Source("test.dna", text), bag)
    assert file is not None, text
    assert not bag.items, render_all(bag)
    return file


@pytest.mark.parametrize("block", range(4))
def test_formatting_keeps_meaning_and_comments_and_settles_at_once(block: int):
    for seed in range(block * VALID // 4, (block + 1) * VALID // 4):
        file = parsed(spec_text(seed))
        text = format_file(file)
        again = parsed(text)
        assert again == file, seed
        assert [c.text for c in again.comments] == [c.text for c in file.comments], seed
        assert format_file(again) == text, seed


@pytest.mark.parametrize("block", range(4))
def test_a_damaged_text_gives_a_tree_or_diagnostics_and_never_a_traceback(block: int):
    for seed in range(block * DAMAGED // 4, (block + 1) * DAMAGED // 4):
        text = mutated(spec_text(seed % 200), seed)
        bag = Bag()
        file = parse(Source("test.dna", text), bag)
        assert file is not None or bag.has_errors, text
        assert all(0 <= d.span.start <= d.span.end <= len(text) for d in bag if d.span), text
        assert render_all(bag, colour=True) or not bag.items
        if not bag.items and file is not None:
            assert parsed(format_file(file)) == file, text


@given(
    st.text(
        alphabet=st.sampled_from(list("ab1. {}()[];\n\t=,:\"'#%-+*/<>&\\é\x00\u202e")) | st.characters(), max_size=60
    )
)
def test_any_text_at_all_gives_a_tree_or_diagnostics(text: str):
    bag = Bag()
    file = parse(Source("test.dna", "dna 1\n" + text), bag)
    assert file is not None or bag.has_errors
    render_all(bag)

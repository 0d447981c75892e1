from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnac.lsp.places import Place, offset_of, place_of, units
from dnac.text.source import Source

TEXT = "a\n𝒳é b\n"


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 6), ("utf-16", 3), ("utf-32", 2)])
def test_characters_are_counted_in_units_of_the_encoding(encoding: str, character: int):
    source = Source("x", TEXT)
    assert place_of(source, TEXT.index(" "), encoding) == Place(1, character)
    assert offset_of(source, Place(1, character), encoding) == TEXT.index(" ")


def test_a_place_past_the_end_of_a_line_or_text_is_that_end():
    source = Source("x", TEXT)
    assert offset_of(source, Place(0, 99)) == 1
    assert offset_of(source, Place(99, 0)) == len(TEXT)
    assert offset_of(source, Place(2, 0)) == len(TEXT)


def test_a_place_inside_a_character_is_the_place_behind_it():
    assert offset_of(Source("x", TEXT), Place(1, 1)) == TEXT.index("é")


@given(st.text(alphabet="ab\n𝒳é\u3042 "), st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
def test_there_and_back_is_the_same_place(text: str, encoding: str, data: st.DataObject):
    offset = data.draw(st.integers(0, len(text)))
    source = Source("x", text)
    assert offset_of(source, place_of(source, offset, encoding), encoding) == offset


def test_units_of_an_emoji():
    assert [units("😀", e) for e in ("utf-8", "utf-16", "utf-32")] == [4, 2, 1]

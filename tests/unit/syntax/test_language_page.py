"""The page that settles the language says what the parser does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dnac.syntax import words
from dnac.syntax.parser import parse
from dnac.text.diagnostic import Bag
from dnac.text.source import Source

ROOT = Path(words.__file__).parents[2]
PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
GRAMMAR = re.search(r"```ebnf\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", re.findall(r"```dna\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_parses(block: str):
    bag = Bag()
    parse(Source("language.md", block), bag)
    assert not bag.items


def test_the_page_and_the_parser_hold_the_same_keywords():
    assert GRAMMAR is not None
    written = {word for word in re.findall(r'"([a-z]+)"', GRAMMAR[1])}
    in_parser = set(re.findall(r'"([a-z]+)"', (ROOT / "dnac" / "syntax" / "dna.lark").read_text(encoding="utf-8")))
    assert written == in_parser == set(words.KEYWORDS)


def test_every_form_shown_in_messages_is_a_form():
    for word, form in words.FORMS.items():
        text = form.replace("{ ... }", "{ }").replace("(...)", "()").replace(" = ...", " = x")
        inside = f"net a {{ {text} }}" if word in words.STATEMENTS else text
        bag = Bag()
        parse(Source("form.dna", f"dna 1\n{inside}\n"), bag)
        assert not bag.items, (word, list(bag))

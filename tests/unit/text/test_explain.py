"""Pages of the codes of text and syntax: each bad example is bad in its own way, each repaired one is fine."""

from __future__ import annotations

import re

import pytest

from dnac.syntax.parser import parse
from dnac.text import explain
from dnac.text.diagnostic import Bag
from dnac.text.source import Source

SYNTAX = [code for code in explain.codes() if code < "DNA2" and "```dna" in explain.page(code)]


def codes(text: str) -> set[str]:
    bag = Bag()
    parse(Source("example.dna", text), bag)
    return {d.code for d in bag}


@pytest.mark.parametrize("code", SYNTAX)
def test_the_examples_of_a_page_do_what_they_say(code: str):
    bad, repaired = re.findall(r"```dna\n(.*?)\n```", explain.page(code), re.DOTALL)
    assert code in codes(bad)
    assert codes(repaired) == set()


def test_a_page_is_found_by_any_spelling_of_its_code():
    assert explain.page("DNA112") == explain.page("dna112") == explain.page(" 112")
    assert explain.page("112").startswith("# DNA112: ")


@pytest.mark.parametrize("code", ["DNA999", "", "../DNA112", "DNA1123", "112.md"])
def test_an_unknown_code_has_no_page(code: str):
    with pytest.raises(explain.NoPage):
        explain.page(code)


def test_every_page_has_a_title():
    assert all(explain.title(code) and not explain.title(code).endswith(".") for code in explain.codes())

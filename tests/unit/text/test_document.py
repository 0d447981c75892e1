"""`docs/codes.md` says what the pages of all codes and their constructors say."""

from __future__ import annotations

from dnac.text import document
from dnac.text.explain import codes


def test_the_page_of_all_codes_is_current():
    assert document.PAGE.read_text(encoding="utf-8") == document.text(), "run: python -m dnac.text.document"


def test_every_code_stands_there_once_and_in_order():
    headings = [line.split(":")[0][4:] for line in document.text().splitlines() if line.startswith("### DNA")]
    assert headings == list(codes())
    assert {code[3] for code in codes()} == set(document.GROUPS)


def test_a_warning_is_called_one():
    assert "### DNA508: a skip target that cannot be reached (warning)" in document.text()
    assert "### DNA505: a router that gets no gradient\n" in document.text()

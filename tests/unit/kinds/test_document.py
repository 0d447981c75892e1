"""`docs/kinds.md` says what the code says."""

from __future__ import annotations

from dnac import catalogue
from dnac.kinds import document


def test_the_page_of_all_words_is_current():
    assert document.PAGE.read_text(encoding="utf-8") == document.page(), "run: python -m dnac.kinds.document"


def test_every_catalogue_of_kinds_has_its_place_on_the_page():
    assert set(document.GROUPS) == {of for of, (_, constant) in catalogue.CATALOGUES.items() if constant == "KIND"}


def test_a_schedule_and_a_share_are_described_in_plain_words():
    page = document.page()
    assert "| `rate` | number or `schedule(...)` |" in page
    assert "| `share` | share of all choices of a router (`30%`) |" in page

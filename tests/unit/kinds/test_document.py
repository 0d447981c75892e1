"""`docs/kinds.md` says what the code says."""

from __future__ import annotations

import re

from dnac import catalogue
from dnac.kinds import document


def test_the_page_of_all_words_is_current():
    assert document.PAGE.read_text(encoding="utf-8") == document.page(), "run: python -m dnac.kinds.document"


def test_every_catalogue_of_kinds_has_its_place_on_the_page():
    assert set(document.GROUPS) == {of for of, (_, constant) in catalogue.CATALOGUES.items() if constant == "KIND"}


def test_a_schedule_and_a_share_are_described_in_plain_words():
    page = document.page()
    assert "| `rate` | number or `schedule(...)` |" in page
    assert "| `share` | share of all choices of a router (`30%`) or `schedule(...)` |" in page


def test_every_test_that_the_numerics_page_names_exists():
    root = document.PAGE.parents[1]
    named = set(re.findall(r"tests/[\w/]+", (root / "docs" / "numerics.md").read_text(encoding="utf-8")))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (root / f"{name}.py").is_file()] == []


def test_every_rule_of_the_numerics_page_names_its_test():
    rows = re.findall(r"^\| \d+\.\d+ \|.*$", (document.PAGE.parent / "numerics.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 35
    assert [row[:60] for row in rows if "tests/" not in row] == []

"""Every code of a diagnostic has a constructor, a page and a test; every page belongs to a code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "dnac" / "text" / "explain"
CODE = re.compile(r'"(DNA\d{3})"')
HEADINGS = ("what it means", "why it matters", "bad example", "repaired")


def codes(paths: Iterable[Path]) -> set[str]:
    """All codes that some files name."""
    return {code for path in paths for code in CODE.findall(path.read_text(encoding="utf-8"))}


SOURCES = sorted((ROOT / "dnac").rglob("*.py"))
MADE = codes(p for p in SOURCES if p.name.startswith("errors"))


def test_every_code_is_made_in_a_file_of_errors():
    assert sorted(codes(SOURCES) - MADE) == []


def test_every_code_has_a_page_and_every_page_a_code():
    assert sorted(p.stem for p in PAGES.glob("*.md")) == sorted(MADE)


def test_every_page_has_all_its_parts():
    pages = {p.stem: p.read_text(encoding="utf-8").lower() for p in PAGES.glob("*.md")}
    assert not [f"{code}: {h}" for code, text in sorted(pages.items()) for h in HEADINGS if h not in text]


def test_every_code_is_reached_by_a_golden_or_a_test():
    files = [p for p in (ROOT / "tests").rglob("*") if p.suffix in (".py", ".txt", ".dna")]
    seen = {c for p in files for c in re.findall(r"DNA\d{3}", p.name + p.read_text(encoding="utf-8", errors="ignore"))}
    assert sorted(MADE - seen) == []

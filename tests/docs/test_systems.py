"""The page of systems has a row for every spec, and none for a spec that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)
TABLE = PAGE[PAGE.index("| spec |") : PAGE.index("## ")]


def test_every_spec_has_its_row_and_every_row_its_spec():
    rows, specs = [name for name, _ in ROW.findall(TABLE)], [p.stem for p in (ROOT / "specs").glob("*.dna")]
    assert not set(specs) ^ set(rows)


def test_every_row_is_whole_and_says_what_came_of_it():
    rows = [(name, rest.split("|")) for name, rest in ROW.findall(TABLE)]
    assert not [name for name, cells in rows if len(cells) != 5 or not cells[0].strip() or not cells[-1].strip()]

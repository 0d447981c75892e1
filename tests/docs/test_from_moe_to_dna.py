"""The table of `docs/from_moe_to_dna.md` is what `dnac plan` says of the five files on that page."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from dnac.schedule.plan import plan
from dnac.semantics.check import check
from dnac.text.source import Source

PAGE = (Path(__file__).parents[2] / "docs" / "from_moe_to_dna.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```dna\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ROWS = re.findall(r"^\| (\d) [^|]*\| (.*) \|$", PAGE, re.MULTILINE)


def planned(text: str) -> list[int]:
    """The columns of the table, from the file itself."""
    (net,) = check(Source("page.dna", text)).nets
    of = plan(net)
    params, flops = of["params"], of["flops_per_token"]
    return [
        *(params["total"], of["modules"], of["routing_steps"], of["paths"]),
        *(params["active_min"], params["active_expected"], params["active_max"]),
        *(flops["min"], flops["expected"], flops["max"]),
    ]


def test_the_table_shows_what_plan_says():
    shown = [[int(cell.replace(",", "")) for cell in cells.split(" | ")] for _, cells in ROWS]
    assert shown == [planned(text) for text in FILES]
    assert len(shown) == 5


def test_each_file_is_the_one_before_with_few_lines_changed():
    for before, after in pairwise(FILES):
        old, new = (set(text.splitlines()) for text in (before, after))
        assert len(new - old) <= 2

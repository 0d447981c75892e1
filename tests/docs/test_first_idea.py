"""The page of one idea: its spec checks, and the figures of its plans are those of today's dnac."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dnac.schedule.plan import plan
from dnac.semantics.check import check
from dnac.text.source import Source

PAGE = (Path(__file__).parents[2] / "docs" / "first_idea.md").read_text(encoding="utf-8")
SPEC = re.findall(r"^```dna\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("net", ["chosen", "fixed"])
def test_the_plan_on_the_page_is_the_plan_of_its_spec(net: str) -> None:
    (text,) = SPEC
    found = next(n for n in check(Source("tools.dna", text)).nets if n.name == net)
    planned = plan(found)
    shown = PAGE.split(f"$ dnac plan tools.dna:{net}\n")[1].split("...\n")[0]
    numbers = set(re.findall(r"[\d,]{5,}", shown))
    params, flops = planned["params"], planned["flops_per_token"]
    wanted = {params["total"], *(params[f"active_{k}"] for k in ("min", "expected", "max")), *flops.values()}
    assert numbers == {f"{n:,}" for n in wanted if isinstance(n, int)}
    assert f"tools.dna:{net}: ok, causal, rows independent" in PAGE


def test_what_it_calls_a_part_is_that_part() -> None:
    """15 % less work, 0.02 for the table of bytes, 14 % that rest: the words follow from the tables beside them."""
    nets = {n.name: plan(n)["flops_per_token"]["expected"] for n in check(Source("tools.dna", SPEC[0])).nets}
    assert round(1 - nets["chosen"] / nets["fixed"], 2) == 0.15 and "15 % less work" in PAGE
    assert re.search(r"^token +2\.4703 +\+0\.0193", PAGE, re.MULTILINE) and "costs 0.02" in PAGE
    assert re.search(r"^skip share +14\.11%", PAGE, re.MULTILINE) and "that rest (14 %)" in PAGE

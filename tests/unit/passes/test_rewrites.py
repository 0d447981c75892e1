"""Each pass does what its golden shows: `tests/golden/passes/<pass>.ir` holds cases, before and after.

To add a case, write its title and its graph before `// ->`, and let `make goldens` fill in the rest.
"""

from __future__ import annotations

import re

import pytest

import golden
from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.ir.printer import print_graph, print_nodes
from dnac.ir.reader import read_graph
from dnac.ir.verify import verify
from dnac.passes.base import Pass
from dnac.passes.pipeline import passes
from random_graphs import random_graph

PASSES = catalogue.names("rewrite")
FOLDER = golden.FOLDER / "passes"


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_does_what_its_golden_shows(name: str) -> None:
    step: Pass = catalogue.get("rewrite", name)
    cases = re.split(r"^(?=// (?!->))", (FOLDER / f"{name}.ir").read_text(), flags=re.M)[1:]
    assert cases, "a golden holds at least one case"
    golden.check(f"passes/{name}.ir", "\n".join(rendered(step, case) for case in cases))


def rendered(step: Pass, case: str) -> str:
    title, _, rest = case.partition("\n")
    before = read_graph(rest.partition("// ->")[0])
    verify(before, title)
    after = step.apply(before)
    verify(after, title)
    return f"{title}\n{print_graph(before)}// ->\n{changed(before, after)}\n"


def changed(before: Graph, after: Graph) -> str:
    """The nodes after a pass, and routers that it changed."""
    if after == before:
        return "the same"
    routers = [r for r, old in zip(after.routers, before.routers, strict=True) if r != old]
    lines = print_graph(after).splitlines()
    kept = [line for line in lines if any(re.match(rf"router {re.escape(r.name)} of", line) for r in routers)]
    return "\n".join([*kept, *print_nodes(after)])


def test_every_golden_has_its_pass() -> None:
    assert golden.orphans("passes", {f"{name}.ir" for name in PASSES}) == []


@pytest.mark.parametrize("seed", range(60))
def test_a_pass_changes_nothing_the_second_time(seed: int) -> None:
    graph = random_graph(seed)
    for step in passes("O2"):
        graph = step.apply(graph)
        assert step.apply(graph) == graph, step.name

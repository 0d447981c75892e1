"""The order of passes is a reviewed text, and a pass that breaks a rule is caught where it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

import golden
from dnac import catalogue
from dnac.ir import traits
from dnac.ir.form import form
from dnac.ir.graph import Graph, Region, Route, RouterSet
from dnac.passes import pipeline
from dnac.passes.base import Pass, Phase
from dnac.passes.pipeline import LEVELS, optimize, passes
from dnac.text.diagnostic import InternalError
from graphs import tiny_text
from random_graphs import random_graph


@pytest.mark.parametrize("level", LEVELS)
def test_the_order_of_a_level_is_kept(level: str) -> None:
    wide = max(len(p.name) for p in passes(level))
    lines = (f"{p.phase.name:<12} {p.name:<{wide}}  {p.summary}\n" for p in passes(level))
    golden.check(f"pipeline/{level}.txt", "".join(lines))


def test_a_pass_runs_after_those_it_names() -> None:
    order = [p.name for p in passes("O2")]
    for step in passes("O2"):
        assert all(order.index(name) < order.index(step.name) for name in step.after)


def test_names_equal_files() -> None:
    assert all(catalogue.get("rewrite", name).name == name for name in catalogue.names("rewrite"))


def test_every_graph_is_observed_with_the_pass_that_gave_it() -> None:
    seen: dict[str, Graph] = {}
    result = optimize(tiny_text(), "O2", lambda name, graph: seen.setdefault(name, graph))
    assert list(seen) == ["elaborate", *(p.name for p in passes("O2"))]
    assert list(seen.values())[-1] == result


def test_the_lowest_level_does_only_what_lowering_needs() -> None:
    graph = tiny_text()
    lowered = optimize(graph, "O0")
    routes = [n for n in lowered.nodes if isinstance(n, Route)]
    assert len(routes) == 3 and all(route.banks for route in routes)
    bare = tuple(replace(n, banks=()) if isinstance(n, Route) else n for n in lowered.nodes)
    assert replace(lowered, nodes=bare) == graph


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no level O3"):
        passes("O3")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda graph: replace(graph, nodes=graph.nodes[:-1]), "is not the one head"),
        (lambda graph: replace(graph, modules=graph.modules[:1] + graph.modules[2:]), "which is no module"),
        (
            lambda graph: replace(graph, routers=(*graph.routers, RouterSet("x", 1, form("router")))),
            "changed the names",
        ),
    ],
)
def test_a_pass_that_breaks_a_rule_is_named(monkeypatch: pytest.MonkeyPatch, spoil, message: str) -> None:
    bad = Pass("bad", "", Phase.FOLD, 0, spoil)
    monkeypatch.setattr(pipeline, "passes", lambda level: (bad,))
    with pytest.raises(InternalError, match=f"pass bad.*{message}"):
        optimize(tiny_text())


def test_two_passes_that_wait_for_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = {n: Pass(n, "", Phase.FOLD, 0, lambda graph: graph, after=(other,)) for n, other in (("a", "b"), ("b", "a"))}
    monkeypatch.setattr(pipeline.catalogue, "names", lambda catalogue: tuple(ring))
    monkeypatch.setattr(pipeline.catalogue, "get", lambda catalogue, name: ring[name])
    with pytest.raises(InternalError, match="waits for"):
        passes("O2")


@pytest.mark.parametrize("seed", range(40))
def test_unrolling_a_region_gives_the_turns_that_were_rolled(seed: int) -> None:
    seen: dict[str, Graph] = {}
    rolled = optimize(random_graph(seed), "O2", lambda name, graph: seen.setdefault(name, graph))
    before = [anonymous(n) for n in seen["stack_same_kind"].nodes]
    assert [anonymous(n) for n in traits.unrolled(rolled.nodes)] == before


def test_random_graphs_do_hold_regions() -> None:
    rolled = [optimize(random_graph(seed)) for seed in range(40)]
    assert sum(any(isinstance(n, Region) for n in graph.nodes) for graph in rolled) > 10


def anonymous(node: object) -> object:
    """A node without the names of values, which a turn shares with the first one."""
    values = {name: "" for name in ("id", "x", "view", "branches") if hasattr(node, name)}
    return replace(node, **values)  # type: ignore[type-var]

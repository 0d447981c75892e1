"""Each rule of a legal graph notices the one fault it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dnac.ir.form import form
from dnac.ir.graph import Apply, Bank, BudgetSet, Graph, Head, Join, Member, Norm, Presence, Region, Route
from dnac.ir.verify import RULES, verify
from dnac.text.diagnostic import InternalError
from graphs import tiny_text, transformer

GRAPH = tiny_text(steps=2, blocks=3)
EMBED, DENSE, FIRST, SECOND, HEAD = GRAPH.nodes
assert isinstance(FIRST, Route) and isinstance(SECOND, Route) and isinstance(DENSE, Apply)


def with_nodes(*nodes: object) -> Graph:
    return replace(GRAPH, nodes=nodes)  # type: ignore[arg-type]


def region(**changes: object) -> Graph:
    hops = (("hop[0]", "hop[0]"),), (("hop[0]", "hop[1]"),)
    whole = Region("h3", "h1", (FIRST,), hops, (0, 1))
    return with_nodes(EMBED, DENSE, replace(whole, **changes), HEAD)  # type: ignore[type-var]


FAULTS: dict[str, Callable[[], Graph]] = {
    "names_are_unique": lambda: replace(GRAPH, modules=GRAPH.modules + GRAPH.modules[:1]),
    "single_assignment": lambda: with_nodes(EMBED, DENSE, SECOND, FIRST, HEAD),
    "ends_are_in_place": lambda: with_nodes(EMBED, DENSE, FIRST, SECOND),
    "regions_are_complete": lambda: region(renames=((("hop[0]", "hop[0]"),), (("hop[0]", "transformer"),))),
    "weights_are_known": lambda: with_nodes(
        EMBED, replace(DENSE, module=Member("nodes.block", 3)), FIRST, SECOND, HEAD
    ),
    "streams_flow": lambda: with_nodes(
        EMBED, Norm("n", "h0", "norm"), replace(DENSE, x="n", view="n"), FIRST, SECOND, HEAD
    ),
    "routers_fit": lambda: with_nodes(EMBED, DENSE, replace(FIRST, candidates=FIRST.candidates[:2]), SECOND, HEAD),
    "gates_are_computed": lambda: with_nodes(EMBED, replace(DENSE, gate=("hop[1]", 0)), FIRST, SECOND, HEAD),
    "steps_are_in_order": lambda: with_nodes(EMBED, DENSE, FIRST, replace(SECOND, step=0), HEAD),
    "slots_are_split": lambda: with_nodes(EMBED, DENSE, replace(FIRST, skips=(2, 3)), SECOND, HEAD),
    "banks_cover_runs": lambda: with_nodes(
        EMBED, DENSE, replace(FIRST, banks=(Bank(transformer(), (0, 1)),)), SECOND, HEAD
    ),
    "branches_are_chains": lambda: with_nodes(
        EMBED, DENSE, FIRST, SECOND, Join("j", "h1", (("h3",),)), Head("out", "j", "lm")
    ),
    "regions_hand_on": lambda: region(carried=(("h0", "h1", "p1"),)),
    "presences_are_read": lambda: with_nodes(EMBED, DENSE, FIRST, Presence("p", "", FIRST.id, ((0, 1),)), SECOND, HEAD),
    "budgets_name_routers": lambda: replace(GRAPH, budgets=(BudgetSet("b", form("flops"), ("nobody",)),)),
}


def test_a_legal_graph_passes() -> None:
    verify(GRAPH)
    verify(region())


def test_each_rule_has_its_fault() -> None:
    assert set(FAULTS) == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_named_by_its_rule(rule: str) -> None:
    shared = (
        [*GRAPH.shared, replace(GRAPH.shared[0], role="norm", name="norm")] if rule == "streams_flow" else GRAPH.shared
    )
    with pytest.raises(InternalError, match=f"rule `{rule}`: "):
        verify(replace(FAULTS[rule](), shared=tuple(shared)), "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": (0,)}, "2 turns and 1 first steps"),
        ({"body": ()}, "holds what no turn may hold"),
        ({"renames": ((("hop[1]", "hop[1]"),), (("hop[1]", "hop[0]"),))}, "renames what its first turn does not name"),
        ({"renames": ((("hop[0]", "hop[0]"),), ())}, "do not rename the same names"),
    ],
)
def test_an_incomplete_region_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InternalError, match=message):
        verify(region(**changes))

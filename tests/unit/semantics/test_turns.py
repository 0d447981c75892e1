"""Turns of a repeat are made anew only where something in them differs, and then they are."""

from __future__ import annotations

from checking import POOL, ROUTER, codes, graph, net
from dnac.ir.graph import Route


def test_a_module_whose_size_names_the_turn_differs_by_turn() -> None:
    made = graph(net("repeat 3 as t { mlp(gelu, 8 * (t + 1)) }"))
    assert [m.parts[0].kind["hidden"] for m in made.modules] == [8, 16, 24]


def test_a_module_that_names_a_param_is_the_same_in_all_turns() -> None:
    made = graph("dna 1\nparam w = 8\n" + net("repeat 3 { mlp(gelu, w) }\nrepeat 2 { mlp(gelu, w) }")[6:])
    assert [m.parts[0].kind["hidden"] for m in made.modules] == [8] * 5
    assert len({m.name for m in made.modules}) == 5


def test_a_recipe_with_other_arguments_makes_other_modules() -> None:
    text = net("repeat 2 as t { f(t + 1); f(8) }").replace("dna 1\n", "dna 1\ndef module f(k) { mlp(gelu, 8 * k) }\n")
    assert [m.parts[0].kind["hidden"] for m in graph(text).modules] == [8, 64, 16, 64]


def test_a_router_that_names_the_turn_differs_by_turn() -> None:
    text = net(POOL + "repeat 3 as t { hop: route nodes by { choose = top(t + 1); weight = raw; balance = [] } }")
    assert [r.fields["choose"]["k"] for r in graph(text).routers] == [1, 2, 3]  # type: ignore[index]


def test_a_router_over_pools_of_each_turn_counts_their_members() -> None:
    body = f"pool p {{ a[t + 1] = mlp(gelu, 2x); b = identity() }}\nhop: route p by {{ {ROUTER} }}"
    made = graph(net(f"repeat 3 as t {{ {body} }}"))
    assert [len(n.candidates) for n in made.nodes if isinstance(n, Route)] == [2, 3, 4]
    assert [r.size for r in made.routers] == [2, 3, 4]
    assert [n.router for n in made.nodes if isinstance(n, Route)] == ["hop[0]", "hop[1]", "hop[2]"]


def test_a_setting_of_one_turn_changes_that_turn_alone() -> None:
    text = net(POOL + f"repeat 3 {{ mlp(gelu, 2x); hop: route nodes by {{ {ROUTER} }} }}")
    made = graph(text, "hop[1].choose=top(2)", "mlp[2].hidden=8")
    assert [r.fields["choose"]["k"] for r in made.routers] == [1, 2, 1]  # type: ignore[index]
    assert [m.parts[0].kind["hidden"] for m in made.modules if m.name.startswith("mlp")] == [32, 32, 8]


def test_a_fault_of_a_later_turn_is_found() -> None:
    text = net(POOL + "repeat 6 as t { hop: route nodes by { choose = top(t + 1); weight = raw; balance = [] } }")
    assert codes(text) == ["DNA501"]
    assert codes(net("repeat 3 as t { attention(heads = t + 1) }")) == ["DNA401"]

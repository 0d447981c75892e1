"""Budgets in a plan: 100 % is the dearest choice at every step, and expected choices cost what a target asks."""

from __future__ import annotations

import pytest

from checking import checked, image_net
from dnac.ir.graph import Graph, Route
from dnac.ir.traits import unrolled
from dnac.kinds.budgets import prices
from dnac.schedule.chance import chances
from dnac.schedule.cost import Costs
from dnac.schedule.plan import plan, render_plan
from dnac.semantics.result import CheckedNet

POOL = "  pool nodes { dear[2] = mlp(gelu, 4x); cheap = mlp(gelu, 1x); keep = identity() }\n"
TOP = "choose = top(1); weight = raw; balance = []"
GATES = "gate = relu_tanh(bias = 1.5); choose = nonzero; weight = raw; balance = []"


def net(router: str, target: str, pool: str = POOL, counts: str = "flops") -> CheckedNet:
    body = f"{pool}  repeat 3 {{ hop: route nodes by {{ {router} }} }}\n"
    result = checked(image_net(body + f"  budget b = {counts}({target}, per = batch, by = loss(quadratic, 1))"))
    assert not list(result.bag), [d.message for d in result.bag]
    return result.nets[0]


def expected_share(graph: Graph) -> float:
    found = prices(graph, graph.budgets[0])
    routes = [n for n in unrolled(graph.nodes) if isinstance(n, Route)]
    return sum(sum(p * c for p, c in zip(chances(graph, r), found.steps[r.step].costs, strict=True)) for r in routes)


@pytest.mark.parametrize("router", [TOP, TOP.replace("top(1)", "top(2)"), GATES])
def test_the_whole_is_the_dearest_choice_at_every_step(router: str) -> None:
    graph = net(router, "40%").graph
    costs = Costs(graph)
    dear, cheap = (costs.module_flops(f"nodes.{name}") for name in ("dear", "cheap"))
    most = {TOP: dear, TOP.replace("top(1)", "top(2)"): 2 * dear, GATES: 2 * dear + cheap}[router]
    found = prices(graph, graph.budgets[0])
    assert found.whole == pytest.approx(3 * most)
    assert found.steps[1].costs == pytest.approx((dear / found.whole, dear / found.whole, cheap / found.whole, 0.0))
    least = {TOP.replace("top(1)", "top(2)"): cheap}.get(router, 0.0)
    assert found.least == pytest.approx(3 * least / found.whole)
    assert [found.steps[s].after for s in range(3)] == pytest.approx(
        [2 * least / found.whole, least / found.whole, 0.0]
    )


@pytest.mark.parametrize("target", ["20%", "45%", "90%"])
@pytest.mark.parametrize("router", [TOP, TOP.replace("top(1)", "top(2)"), GATES])
def test_expected_choices_cost_what_the_target_asks(router: str, target: str) -> None:
    if "top(2)" in router and target == "20%":
        target = "30%"
    assert expected_share(net(router, target).graph) == pytest.approx(float(target[:-1]) / 100)


def test_a_scheduled_target_counts_as_it_ends() -> None:
    assert expected_share(net(TOP, "schedule(100%, linear(0.3, 50%))").graph) == pytest.approx(0.3)


def test_a_plan_says_what_a_budget_allows() -> None:
    found = net(TOP, "schedule(100%, linear(0.3, 50%))")
    (budget,) = plan(found)["budgets"]
    assert (budget["starts"], budget["least"], budget["per"]) == (1.0, 0.0, "batch")
    assert budget["target"] == pytest.approx(0.3)
    assert budget["whole"] == 3 * 2 * 2 * 16 * 64 and budget["routers"] == ["hop[0]", "hop[1]", "hop[2]"]
    assert "30.0% of 12,288 FLOPs per token (3,686), from 1 on" in render_plan(found)


def test_shares_count_modules_alike() -> None:
    graph = net(TOP, "40%", counts="share").graph
    assert prices(graph, graph.budgets[0]).steps[0].costs == pytest.approx((1 / 3, 1 / 3, 1 / 3, 0.0))


@pytest.mark.parametrize(("router", "most"), [(TOP, 5), (TOP.replace("top(1)", "top(2)"), 10), (GATES, 12)])
def test_prices_are_those_of_the_file(router: str, most: float) -> None:
    """By member in order of declaration, two modules of one member alike; the plan says of what."""
    found = net(router, "50%, costs = [5, 2, 0]", counts="price")
    made = prices(found.graph, found.graph.budgets[0])
    assert made.whole == 3 * most
    assert made.steps[2].costs == pytest.approx((5 / made.whole, 5 / made.whole, 2 / made.whole, 0.0))
    assert expected_share(found.graph) == pytest.approx(0.5)
    assert f"50.0% of {3 * most:,} units per token" in render_plan(found)


def test_prices_may_be_fractions() -> None:
    found = net(TOP, "50%, costs = [0.25, 0.1, 0]", counts="price")
    assert "50.0% of 0.75 units per token (0.375)" in render_plan(found)


@pytest.mark.parametrize("costs", ["[5, 2]", "[5, 5, 2, 0]"])
def test_there_is_a_price_for_each_member(costs: str) -> None:
    body = f"{POOL}  hop: route nodes by {{ {TOP} }}\n  budget b = price(40%, costs = {costs}, per = token, by = hard)"
    assert [d.code for d in checked(image_net(body)).bag] == ["DNA549"]


def test_choices_that_do_not_vary_are_not_covered() -> None:
    body = POOL + "  route nodes by { frozen = true; choose = fixed(0); weight = one; balance = [] }\n"
    body += f"  hop: route nodes by {{ {TOP} }}\n  budget b = flops(40%, per = token, by = hard)"
    graph = checked(image_net(body)).nets[0].graph
    assert graph.budgets[0].routers == ("hop",)
    assert list(prices(graph, graph.budgets[0]).steps) == [1]


def test_a_k_that_falls_makes_cheap_choices_possible_and_leaves_the_paths_of_its_end() -> None:
    router = TOP.replace("top(1)", "top(schedule(4, step(1, 50%)))")
    falling = net(router, "schedule(100%, linear(10%, 50%))")  # all four of four at first: no fault
    costs = Costs(falling.graph)
    dear, cheap = (costs.module_flops(f"nodes.{name}") for name in ("dear", "cheap"))
    found = prices(falling.graph, falling.graph.budgets[0])
    assert found.whole == pytest.approx(3 * (2 * dear + cheap)) and found.least == 0
    assert plan(falling)["paths"] == 4**3

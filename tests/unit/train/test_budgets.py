"""Budgets over a train step: biases follow what was spent, and figures are means over micro-batches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dnac.ir.form import Form, form
from dnac.ir.graph import BudgetSet, Graph
from dnac.kinds.budgets import prices
from dnac.lowering.base import BudgetStats
from dnac.train import budgets
from lowered import ATTENTION, MLP, SKIP, inputs_for, network, routed

UNLIKE = [("a", 1, ATTENTION), ("m", 2, MLP), SKIP]


def limited(graph: Graph, by: Form, target: float = 0.4, counts: str = "flops") -> Graph:
    kind = form(counts, target=target, per="network", by=by, of=())
    return replace(graph, budgets=(BudgetSet("b", kind, tuple(r.name for r in graph.routers)),))


def value(number: float | Form) -> float:
    assert not isinstance(number, Form)
    return number


@pytest.mark.parametrize("choose", [form("top", k=1), form("top", k=2)])
def test_what_was_spent_is_counted_from_the_choices(choose: Form) -> None:
    graph = limited(routed(UNLIKE, choose=choose), form("hard"), 0.99)
    output = network(graph)(inputs_for(graph))
    counts = [step.counts for step in output.stats]
    found = budgets.spent(graph, prices(graph, graph.budgets[0]), counts)
    assert found.item() == pytest.approx(output.budgets[0].executed.item())


@pytest.mark.parametrize(("target", "sign"), [(0.05, -1), (0.95, 1)])
def test_biases_move_against_what_was_spent_in_proportion_to_costs(target: float, sign: int) -> None:
    graph = limited(routed(UNLIKE), form("bias", rate=0.01), target)
    net = network(graph)
    output = net(inputs_for(graph))
    budgets.update(net, graph, [step.counts for step in output.stats], value)
    costs = torch.tensor(prices(graph, graph.budgets[0]).steps[0].costs)
    for site in ("hop.0.bias", "hop.1.bias"):
        bias = net.state_dict()[site]
        assert bias.dtype == torch.float32
        assert torch.allclose(bias, sign * 0.01 * costs / costs.max())
        assert bias[3] == 0


def test_a_budget_that_is_met_moves_nothing() -> None:
    graph = limited(routed(UNLIKE, steps=1), form("bias", rate=0.01), 0.5, "share")
    net = network(graph)
    budgets.update(net, graph, [torch.tensor([5, 2, 1, 8, 0])], value)
    assert not net.state_dict()["hop.0.bias"].any()


def test_figures_are_means_over_micro_batches() -> None:
    graph = limited(routed(UNLIKE), form("hard"))
    make = lambda executed, over: (BudgetStats(*(torch.tensor(x) for x in (executed, 0.1, over, 4))),)
    found = budgets.spending(graph, [make(0.2, 0), make(0.4, 2)])
    assert found == {"b": {"reached": 0.3, "soft": 0.1, "over": 0.25, "target": 0.4}}
    assert budgets.spending(replace(graph, budgets=()), [(), ()]) == {}

"""Budgets: alike in every lowering, charged for what ran, straight through to the gates; purses never overdrawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dnac.ir.form import Form, form
from dnac.ir.graph import BudgetSet, Graph
from dnac.kinds.budgets import prices
from dnac.lowering.budgets import Ran
from dnac.schedule.cost import Costs
from lowered import (
    ATTENTION,
    BATCH,
    MLP,
    SKIP,
    TOKENS,
    error,
    gradients,
    inputs_for,
    network,
    require_equal,
    routed,
)

LOWERINGS = ["reference", "portable"]
GATES = {"gate": form("relu_tanh", bias=0.5), "choose": form("nonzero")}
TOP1 = {"choose": form("top", k=1)}
TOP2 = {"choose": form("top", k=2)}
UNLIKE = [("a", 1, ATTENTION), ("m", 2, MLP), SKIP]
HARD = form("hard")


def loss(shape: str = "quadratic", weight: float | Form = 3.0) -> Form:
    """`by = loss`, complete."""
    return form("loss", shape=shape, weight=weight, warmup=0.0)


def limited(graph: Graph, by: Form, target: float | Form = 0.4, per: str = "token", counts: str = "flops") -> Graph:
    """The graph with a budget over all its routers."""
    kind = form(counts, target=target, per=per, by=by, of=())
    return replace(graph, budgets=(BudgetSet("b", kind, tuple(r.name for r in graph.routers)),))


def executed(graph: Graph, output) -> torch.Tensor:
    """[B, T] by hand: the sum over steps of the FLOPs of the modules that ran, over the dearest choices."""
    costs = Costs(graph)
    most, total = 0.0, 0.0
    for step, node in zip(output.record, [n for n in graph.nodes if hasattr(n, "candidates")], strict=True):
        each = torch.tensor([costs.module_flops(m.set) for m in node.candidates], dtype=torch.float64)
        ran = (step.ids[..., None] == torch.arange(len(each))).any(-2)
        total = total + (ran * each).sum(-1)
        most += float(each.sort(descending=True).values[: step.ids.shape[-1]].sum())
    return total / most


@pytest.mark.parametrize("router", [GATES, TOP1, TOP2], ids=["gates", "top1", "top2"])
@pytest.mark.parametrize("per", ["token", "sequence", "batch"])
@pytest.mark.parametrize("shape", ["quadratic", "log"])
def test_losses_agree(shape: str, per: str, router: dict) -> None:
    require_equal(limited(routed(UNLIKE, **router), loss(shape), per=per))


@pytest.mark.parametrize("fields", [{"shared_router": True}, {"backbone": MLP}, {"gate": form("sigmoid"), **TOP2},
                                    {"gate": form("none"), **TOP1}, {"tau": 0.5, **GATES}])  # fmt: skip
def test_losses_agree_for_every_router(fields: dict) -> None:
    require_equal(limited(routed(UNLIKE, **{**TOP1, **fields}), loss(), per="batch"))


@pytest.mark.parametrize("router", [GATES, TOP1, TOP2], ids=["gates", "top1", "top2"])
@pytest.mark.parametrize("target", [0.05, 0.4, 0.9])
def test_purses_agree(target: float, router: dict) -> None:
    require_equal(limited(routed(UNLIKE, steps=3, **router), HARD, target))


def test_choices_of_tokens_and_capacities_meet_purses_too() -> None:
    takes = form("top_tokens", share=0.5, member=None, per="sequence", takers=(0, 1, 2), rest=3)
    require_equal(limited(routed(UNLIKE, steps=3, choose=takes), HARD, 0.3))
    room = form("capacity", factor=1.0, overflow="pass", order="position", per="sequence")
    require_equal(limited(routed(UNLIKE, steps=3, limit=room, **TOP2), HARD, 0.3))


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("by", [loss(), HARD], ids=["loss", "hard"])
def test_prices_of_the_file_are_what_is_charged(by: Form, lowering: str) -> None:
    """Members a, m (two modules) and an identity, at 1, 4 and 0: by the choices that were made."""
    graph = routed(UNLIKE, steps=3, **TOP1)
    kind = form("price", target=0.5, per="token", by=by, of=(), costs=(1.0, 4.0, 0.0))
    graph = replace(graph, budgets=(BudgetSet("b", kind, tuple(r.name for r in graph.routers)),))
    output = network(graph, lowering)(inputs_for(graph), record=True)
    paid = torch.tensor([1.0, 4.0, 4.0, 0.0, 0.0], dtype=torch.float64)  # the last: an empty slot
    by_hand = sum(paid[step.ids[..., 0]] for step in output.record) / (3 * 4)
    assert output.budgets[0].executed.item() == pytest.approx(by_hand.mean().item())
    assert by_hand.unique().numel() > 2 and ((by_hand <= 0.5 + 1e-9).all() or by is not HARD)
    require_equal(graph)


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("router", [GATES, TOP1, TOP2], ids=["gates", "top1", "top2"])
def test_what_is_charged_is_what_ran(router: dict, lowering: str) -> None:
    graph = limited(routed(UNLIKE, **router), loss())
    output = network(graph, lowering)(inputs_for(graph), record=True)
    (found,) = output.budgets
    by_hand = executed(graph, output)
    assert found.executed.item() == pytest.approx(by_hand.mean().item())
    assert found.over == (by_hand > 0.4 + 1e-6).sum() and found.units == BATCH * TOKENS
    assert output.router_loss.item() == pytest.approx(3 * (by_hand - 0.4).square().mean().item())


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_gradient_is_straight_through_to_the_openness(lowering: str) -> None:
    """d loss / d score = 2 w (r - u) c sigmoid'(z + bias) for every candidate, closed ones too."""
    graph = limited(routed(UNLIKE, steps=1, **GATES), loss(), per="batch")
    net, inputs = network(graph, lowering), inputs_for(graph)
    output = net(inputs, record=True)
    (found,) = torch.autograd.grad(output.router_loss, net.state_dict(keep_vars=True)["hop.0.weight"])
    state = net.state_dict()
    x = state["embed.table"][inputs] + state["embed.positions"][:TOKENS]
    z = x @ state["hop.0.weight"]
    assert (z <= -0.5).any() and (z > -0.5).any()
    costs = torch.tensor(prices(graph, graph.budgets[0]).steps[0].costs, dtype=torch.float64)
    slope = (z + 0.5).sigmoid() * (1 - (z + 0.5).sigmoid())
    by_score = 6 * (output.budgets[0].executed - 0.4) * costs * slope / (BATCH * TOKENS)
    assert error(found, torch.einsum("btd,btm->dm", x, by_score)) < 1e-9


def test_soft_gates_are_reported_and_not_charged() -> None:
    graph = limited(routed(UNLIKE, **GATES), loss())
    net, inputs = network(graph), inputs_for(graph)
    (first,) = net(inputs).budgets
    half = limited(routed(UNLIKE, **{**GATES, "scale": 0.5}), loss())
    gentle = network(half)
    with torch.no_grad():
        for name, weight in gentle.named_parameters():
            if name.startswith("hop"):
                weight.mul_(1e-3)  # gates near 0.46, all open
    (second,) = gentle(inputs_for(half)).budgets
    assert second.executed == 1.0 and abs(second.soft - torch.tanh(torch.tensor(0.5))) < 1e-2
    assert first.executed < 1.0 and first.soft < first.executed


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("router", [GATES, TOP1, TOP2], ids=["gates", "top1", "top2"])
@pytest.mark.parametrize("target", [0.0801, 0.21, 0.5, 0.77])
def test_no_token_is_ever_above_its_purse(target: float, router: dict, lowering: str) -> None:
    graph = limited(routed(UNLIKE, steps=5, **router), HARD, target)
    net, inputs = network(graph, lowering), inputs_for(graph, batch=6)
    free = network(replace(graph, budgets=()), lowering)(inputs, record=True)
    output = net(inputs, record=True)
    spent = executed(graph, output)
    assert (executed(graph, free) > target).any()
    assert (spent <= target + 1e-6).all() and output.budgets[0].over == 0
    forced = tuple(torch.zeros_like(step.ids) - torch.arange(step.ids.shape[-1]).clamp(max=1) for step in output.record)
    assert (executed(graph, net(inputs, routes=forced, record=True)) <= target + 1e-6).all()


def test_a_purse_keeps_back_what_the_rest_of_the_way_costs_at_least() -> None:
    """Three steps of a dear and a cheap mlp: with 60 % a token can be dear once, and must be cheap twice."""
    cheap = tuple(replace(p, kind=p.kind.replace(hidden=p.kind["hidden"] // 2)) for p in MLP)
    graph = limited(routed([("dear", None, MLP), ("cheap", None, cheap)], steps=3, **TOP1), HARD, 0.7)
    output = network(graph)(inputs_for(graph, batch=8), record=True)
    dear = sum((step.ids[..., 0] == 0).int() for step in output.record)
    assert all((step.ids >= 0).all() for step in output.record)
    assert dear.max() == 1 and 0 < dear.float().mean() < 1.01


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_purses_look_at_their_own_token_alone(lowering: str) -> None:
    graph = limited(routed(UNLIKE, steps=4, **TOP1), HARD, 0.4)
    net, inputs = network(graph, lowering), inputs_for(graph)
    whole = net(inputs).logits
    assert error(net(inputs[:, :5]).logits, whole[:, :5]) < 1e-11
    assert error(net(inputs[:1]).logits, whole[:1]) < 1e-11


def test_scheduled_targets_enter_as_knobs() -> None:
    falls = form("schedule", start=1.0, pieces=(form("linear", target=0.2, until=0.5),))
    rises = form("schedule", start=0.0, pieces=(form("linear", target=2.0, until=0.5),))
    graph = limited(routed(UNLIKE, **GATES), loss(weight=rises), falls)
    net, inputs = network(graph), inputs_for(graph)
    fixed = network(limited(routed(UNLIKE, **GATES), loss(weight=1.5), 0.3))
    now = net(inputs, knobs=torch.tensor([0.3, 1.5], dtype=torch.float64))
    assert error(now.router_loss, fixed(inputs).router_loss) < 1e-12
    assert net.train()(inputs).router_loss == 0  # as at the start
    at_the_end = network(limited(routed(UNLIKE, **GATES), loss(weight=2.0), 0.2))(inputs)
    assert error(net.eval()(inputs).router_loss, at_the_end.router_loss) < 1e-12
    tight = limited(routed(UNLIKE, steps=4, **TOP1), HARD, falls)
    assert network(tight).eval()(inputs).budgets[0].executed <= 0.2


def test_two_budgets_stand_side_by_side() -> None:
    graph = routed(UNLIKE, steps=4, **TOP1)
    first, second = limited(graph, HARD, 0.6).budgets[0], limited(graph, loss(), 0.3, "batch", "share").budgets[0]
    both = replace(graph, budgets=(first, replace(second, name="c", routers=("hop[1]", "hop[3]"))))
    require_equal(both)
    output = network(both)(inputs_for(both), record=True)
    ran = sum((output.record[s].ids[..., 0] != 3).double().mean() for s in (1, 3)) / 2
    assert output.budgets[1].executed.item() == pytest.approx(ran.item())


def test_a_budget_reaches_a_router_that_the_task_does_not() -> None:
    fields = {"weight": form("one"), "grad": form("ste"), **TOP1}
    graph = limited(routed(UNLIKE, **{**fields, "grad": form("none")}), loss(), per="batch")
    net = network(graph)
    found = gradients(net, net(inputs_for(graph)))
    assert all(found[f"hop.{s}.weight"].abs().max() > 0 for s in range(2))


def test_a_token_that_is_not_here_costs_nothing_and_has_no_gradient() -> None:
    scores = torch.zeros(1, 2, 3, dtype=torch.float64, requires_grad=True)
    from dnac import catalogue

    gate = catalogue.get("gate", "relu_tanh")
    here = torch.tensor([[True, False]])
    ran = Ran(torch.full((1, 2, 3), -1), scores, scores, (gate, gate.Params()), here=here)
    ran.openness().sum().backward()
    assert scores.grad is not None and scores.grad[0, 0].abs().min() > 0 and not scores.grad[0, 1].any()

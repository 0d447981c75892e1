"""Choices that are drawn, temperatures that fall, and gates that are pulled: every lowering alike, by the book."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from dnac import catalogue
from dnac.ir.form import Form, form
from lowered import ATTENTION, BLOCK, MLP, SKIP, error, inputs_for, network, require_equal, routed

UNLIKE = [("a", 1, ATTENTION), ("m", 2, MLP), SKIP]
GUMBEL = form("gumbel", k=1)
FALLS = form("schedule", start=2.0, pieces=(form("exponential", target=0.5, until=0.5),))


def sample(k: int = 1, rule: str = "largest") -> Form:
    return form("sample", k=k, eval=rule)


def chosen(net, inputs: torch.Tensor, step: int = 3) -> torch.Tensor:
    return net(inputs, record=True, seeds=torch.tensor([7, step])).record[0].ids


@pytest.mark.parametrize("choose", [GUMBEL, form("gumbel", k=2), sample(2), sample(1, "sample")])
@pytest.mark.parametrize("fields", [{}, {"weight": form("one"), "grad": form("ste")}, {"gate": form("sigmoid")}])
def test_draws_agree(choose: Form, fields: dict) -> None:
    graph = routed(UNLIKE, choose=choose, **fields)
    require_equal(graph)
    nets = [network(graph, name).train() for name in ("reference", "portable")]
    first, second = (chosen(net, inputs_for(graph)) for net in nets)
    assert torch.equal(first, second)


@pytest.mark.parametrize(("choose", "varies"), [(GUMBEL, False), (sample(), False), (sample(1, "sample"), True)])
def test_evaluation_follows_its_rule(choose: Form, varies: bool) -> None:
    graph = routed([BLOCK, SKIP], choose=choose)
    net, inputs = network(graph).eval(), inputs_for(graph)
    step = net(inputs, record=True).record[0]
    assert torch.equal(step.ids[..., 0], step.gates.argmax(-1)) is not varies
    assert torch.equal(chosen(net, inputs, 1), chosen(net, inputs, 2))  # at evaluation the train step is 0


@pytest.mark.parametrize("choose", [GUMBEL, sample()])
def test_training_draws_in_proportion_to_the_gates(choose: Form) -> None:
    graph = routed([BLOCK, SKIP], choose=choose, score=form("constant", values=(2.0, 1.0, 0.0, -1.0)), steps=1)
    net = network(graph).train()
    inputs = inputs_for(graph, batch=64)
    drawn = torch.cat([chosen(net, inputs, step) for step in range(8)]).flatten()
    found = torch.bincount(drawn, minlength=4) / drawn.numel()
    assert (found - torch.tensor([2.0, 1.0, 0.0, -1.0]).softmax(0)).abs().max() < 0.03


def test_several_are_drawn_without_replacement() -> None:
    graph = routed([BLOCK, SKIP], choose=sample(3))
    ids = chosen(network(graph).train(), inputs_for(graph, batch=16))
    assert (ids.sort(-1).values.diff(dim=-1) > 0).all()


def test_a_gumbel_gate_is_the_softmax_of_noisy_scores() -> None:
    graph = routed([BLOCK, SKIP], choose=GUMBEL, weight=form("one"), grad=form("ste"), tau=0.5)
    step = network(graph).train()(inputs_for(graph), record=True).record[0]
    assert torch.equal(step.ids[..., 0], step.gates.argmax(-1))
    plain = network(graph).eval()(inputs_for(graph), record=True).record[0]
    assert error(step.gates, plain.gates) > 0.1 and error(step.gates.sum(-1), torch.ones(2, 8)) < 1e-12


def test_masks_and_biases_touch_draws() -> None:
    graph = routed([BLOCK, SKIP], choose=sample(1, "sample"))
    net, inputs = network(graph).train(), inputs_for(graph, batch=16)
    masks = [torch.tensor([-torch.inf, 0.0, 0.0, 0.0])] * 2
    assert (net(inputs, record=True, route_masks=masks).record[0].ids != 0).all()


def test_a_temperature_is_a_knob() -> None:
    graph = routed(UNLIKE, tau=FALLS)
    require_equal(graph)
    net, inputs = network(graph), inputs_for(graph)
    at = lambda tau: network(routed(UNLIKE, tau=tau))(inputs).logits
    assert error(net(inputs, knobs=torch.tensor([0.7, 0.7], dtype=torch.float64)).logits, at(0.7)) < 1e-12
    assert error(net.train()(inputs).logits, at(2.0)) < 1e-12
    assert error(net.eval()(inputs).logits, at(0.5)) < 1e-12


def test_a_scale_is_a_knob() -> None:
    graph = routed(UNLIKE, scale=FALLS, tau=FALLS)
    require_equal(graph)
    net, inputs = network(graph), inputs_for(graph)
    fixed = network(routed(UNLIKE, scale=0.6, tau=0.7))
    knobs = torch.tensor([0.7, 0.6, 0.7, 0.6], dtype=torch.float64)
    assert error(net(inputs, knobs=knobs).logits, fixed(inputs).logits) < 1e-12


def test_l1_is_the_mean_gate() -> None:
    l1 = (form("l1", weight=0.5),)
    graph = routed(UNLIKE, gate=form("relu_tanh", bias=0.2), choose=form("nonzero"), balance=l1)
    require_equal(graph)
    output = network(graph)(inputs_for(graph), record=True)
    assert output.router_loss.item() == pytest.approx(sum(0.5 * s.gates.mean().item() for s in output.record))


def test_a_geometric_path_multiplies_by_the_same_factor() -> None:
    shape = catalogue.get("shape", "exponential")
    params = shape.Params(target=0.1, until=0.8)
    values = [shape.value(params, 5.0, x / 4) for x in range(5)]
    assert values[0] == 5.0 and values[-1] == pytest.approx(0.1)
    ratios = [b / a for a, b in pairwise(values)]
    assert ratios == pytest.approx([0.02**0.25] * 4)
    assert [f.field for f in shape.check(params, 0.0)] == ["target"]

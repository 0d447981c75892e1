"""A predictor that stands in for a choice of tokens: its loss, its choices, and what they depend on."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import graphs
from dnac.ir.form import Form, form
from dnac.ir.graph import Graph
from lowered import BLOCK, SKIP, TOKENS, error, gradients, inputs_for, network, require_equal, routed

LOWERINGS = ["reference", "portable"]
NORMAL = form("normal", std=0.02)
LINEAR = form("linear", init=NORMAL)


def deep(takers: tuple[int, ...] = (0, 1, 2), score: Form = LINEAR, steps: int = 3, **more: object) -> Graph:
    """Modules take a quarter of the tokens each; a predictor decides while generating."""
    choose = form("top_tokens", share=0.25, member=None, per="sequence", takers=takers, rest=3)
    decode = form("predictor", score=score, loss=0.5)
    fields = {"gate": form("none"), "choose": choose, "decode": decode, **more}
    return routed([BLOCK, SKIP], steps=steps, backbone=graphs.transformer(), **fields)


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("score", [LINEAR, form("mlp", hidden=8, init=NORMAL)], ids=["linear", "mlp"])
@pytest.mark.parametrize("takers", [(0, 1, 2), (1,)])
def test_lowerings_agree_as_trained_and_as_generated(takers: tuple[int, ...], score: Form, decode: bool) -> None:
    require_equal(deep(takers, score), decode=decode)
    require_equal(deep(takers, score), decode=decode, routes=None)


def test_a_shared_router_pools_its_turns() -> None:
    require_equal(deep(shared_router=True))


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_loss_is_cross_entropy_on_who_was_taken(lowering: str) -> None:
    net = network(deep(steps=1), lowering)
    inputs = inputs_for(net.graph)
    output = net(inputs, record=True)
    ids = output.record[0].ids
    taken = torch.stack([(ids == module).any(-1) for module in (0, 1, 2)], -1).double()
    seen = stream_of(net, inputs) @ net.get_parameter("hop.0.decode.weight")[:, :3]
    assert error(output.router_loss, 0.5 * binary_cross_entropy_with_logits(seen, taken)) < 1e-10
    assert ((ids == 3).any(-1) == ~taken.bool().any(-1)).all()


def stream_of(net: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What the first router reads, caught where the lowering multiplies it by the router's weight."""
    from dnac.lowering import router_ops

    caught: list[torch.Tensor] = []
    product = router_ops.exact_product

    def catching(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        caught.append(x)
        return product(x, weight)

    router_ops.exact_product = catching
    try:
        net(inputs)
    finally:
        router_ops.exact_product = product
    return caught[0].detach()


def test_a_module_takes_the_tokens_that_score_above_zero() -> None:
    net = network(deep(steps=1))
    inputs = inputs_for(net.graph)
    found = net(inputs, decode=True, record=True).record[0].ids
    above = stream_of(net, inputs) @ net.get_parameter("hop.0.decode.weight")[:, :3] > 0
    assert above.any() and not above.all()
    assert torch.equal(torch.stack([(found == module).any(-1) for module in (0, 1, 2)], -1), above)


def test_the_network_learns_nothing_from_the_predictor() -> None:
    net = network(deep())
    output = net(inputs_for(net.graph))
    net.zero_grad()
    output.router_loss.backward()
    moved = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert moved == {f"hop.{step}.decode.weight" for step in range(3)}


def test_every_weight_has_a_gradient_even_where_no_loss_reaches_it() -> None:
    net = network(deep())
    output = net(inputs_for(net.graph), decode=True)
    assert output.router_loss == 0
    found = gradients(net, output)
    assert all(found[f"hop.{step}.decode.weight"].abs().max() == 0 for step in range(3))


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("decode", [False, True])
def test_only_generating_is_causal(decode: bool, lowering: str) -> None:
    net = network(deep(), lowering)
    inputs = inputs_for(net.graph, batch=4)
    whole = net(inputs, decode=decode, record=True)
    assert 0 < sum(int((step.ids[..., 0] == 0).sum()) for step in whole.record) < 3 * 4 * TOKENS
    later = inputs.clone()
    later[:, -1] = (later[:, -1] + 1) % 32
    moved = error(net(later, decode=decode).logits[:, :-1], whole.logits[:, :-1])
    assert (moved < 1e-11) is decode
    if decode:
        assert error(net(inputs[:, :5], decode=True).logits, whole.logits[:, :5]) < 1e-11


def test_a_masked_module_takes_nothing_while_generating() -> None:
    net = network(deep(steps=1))
    masks = (torch.tensor([0.0, -torch.inf, 0.0, 0.0], dtype=torch.float64),)
    for decode in (False, True):
        step = net(inputs_for(net.graph), route_masks=masks, decode=decode, record=True).record[0]
        assert not (step.ids == 1).any()
        assert (step.ids == 0).any()


def test_a_frozen_router_still_learns_to_foresee() -> None:
    net = network(deep(frozen=True))
    assert not net.get_parameter("hop.0.weight").requires_grad
    assert net.get_parameter("hop.0.decode.weight").requires_grad


@pytest.mark.parametrize("fields", [{}, {"shared_router": True}], ids=["own routers", "one router"])
@pytest.mark.parametrize("decode", [False, True])
def test_the_program_in_steps_is_the_whole_one(decode: bool, fields: dict) -> None:
    whole, steps = network(deep(**fields)), network(deep(**fields))
    assert steps.stepped is not None and not steps.stepped.why_not
    steps.run = steps.stepped.program(lambda piece: piece)
    inputs = inputs_for(whole.graph)
    expected, found = (net(inputs, decode=decode, record=True) for net in (whole, steps))
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.router_loss, expected.router_loss)
    assert bool(expected.router_loss > 0) is not decode
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(found.record, expected.record, strict=True))

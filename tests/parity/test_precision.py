"""Scores, gates and biases in the wider of float32 and the compute type; bf16 held to the reference's own error."""

from __future__ import annotations

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from dnac.lowering.network import Network
from lowered import BLOCK, MLP, SKIP, error, ids, inputs_for, lively, network, routed

LOWERINGS = ["reference", "portable"]
TOP2 = form("top", k=2)


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize(
    ("compute", "gates"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_gates_are_in_the_wider_of_float32_and_the_compute_type(
    compute: torch.dtype, gates: torch.dtype, lowering: str
) -> None:
    net = network(routed([BLOCK, SKIP]), lowering, compute)
    output = net(inputs_for(net.graph), record=True)
    assert output.logits.dtype == compute
    assert all(step.gates.dtype == step.weights.dtype == gates for step in output.record)
    assert output.router_loss.dtype == gates


def test_a_score_reads_the_stream_in_float32_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a score of one's own, and noise, need not think of bf16."""
    from dnac import catalogue

    kind, seen = catalogue.get("score", "linear"), []
    plain = kind.scores

    def watched(params, weights, view, ops):
        seen.append(view.dtype)
        return plain(params, weights, view, ops)

    monkeypatch.setitem(kind.__dict__, "scores", watched)
    net = network(routed([BLOCK, SKIP]), "portable", torch.bfloat16)
    net(inputs_for(net.graph))
    assert seen == [torch.float32] * 2


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_autocast_leaves_the_router_in_float32(lowering: str) -> None:
    """The first step reads the embedding, which autocast does not touch: equal gates to the last bit."""
    net = network(routed([BLOCK, SKIP]), lowering, torch.float32)
    inputs = inputs_for(net.graph)
    plain = net(inputs, record=True).record[0].gates
    with torch.autocast("cpu", torch.bfloat16):
        cast = net(inputs, record=True).record[0].gates
    assert torch.equal(plain, cast)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_autocast_computes_modules_in_bf16_with_float32_masters(lowering: str) -> None:
    net = network(routed([("m", 2, MLP)], steps=1), lowering, torch.float32)
    inputs = inputs_for(net.graph)
    full = net(inputs).logits
    with torch.autocast("cpu", torch.bfloat16):
        output = net(inputs)
    assert output.logits.dtype == torch.bfloat16
    assert 1e-4 < error(output.logits, full) < 0.05
    output.logits.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


def test_grouped_products_are_bf16_under_autocast() -> None:
    """Operators of one's own are unknown to autocast."""
    from dnac.lowering.gmm import grouped_linear

    x, weight = torch.randn(4, 8), torch.randn(2, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert grouped_linear(x, weight, torch.tensor([1, 4], dtype=torch.int32)).dtype == torch.bfloat16


KINDS = {
    "transformer": [BLOCK, SKIP],
    "two banks": [("a", 2, (Part("a", graphs.attention()),)), ("m", 2, MLP), SKIP],
    "swiglu": [("m", 3, (Part("mlp", graphs.mlp(activation=form("swiglu", hidden=24))),)), SKIP],
}


def relative_error(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float(((found.double() - truth).norm() / truth.norm()).detach())


@pytest.mark.parametrize("combine", ["delta", "in_branch"])
@pytest.mark.parametrize("kind", KINDS)
def test_bf16_errs_at_most_twice_as_much_as_the_reference(kind: str, combine: str) -> None:
    graph = routed(KINDS[kind], steps=3, choose=TOP2, combine=form(combine))
    inputs = inputs_for(graph, batch=4)
    truth = network(graph, "reference", torch.float64)
    with torch.no_grad():  # the same numbers in both types
        for parameter in truth.parameters():
            parameter.copy_(parameter.bfloat16())
    expected = truth(inputs, record=True)
    errors = {}
    for lowering in LOWERINGS:
        net = Network(graph, lowering, dtype=torch.bfloat16)
        net.load_state_dict(truth.state_dict())
        found = net(inputs, routes=ids(expected))
        flat = torch.cat([g.flatten().double() for g in _gradients(net, found)])
        wanted = torch.cat([g.flatten() for g in _gradients(truth, truth(inputs, routes=ids(expected)))])
        errors[lowering] = relative_error(found.logits, expected.logits), relative_error(flat, wanted)
    for here, there in zip(errors["portable"], errors["reference"], strict=True):
        assert 1e-4 < here < 2 * there


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_autocast_errs_no_more_than_bf16_weights(lowering: str) -> None:
    graph = routed([BLOCK, SKIP], steps=3, choose=TOP2)
    inputs = inputs_for(graph)
    truth = network(graph, "reference")
    expected = truth(inputs, record=True)
    single = lively(Network(graph, lowering))
    half = network(graph, lowering, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        cast = single(inputs, routes=ids(expected)).logits
    whole = half(inputs, routes=ids(expected)).logits
    assert relative_error(cast, expected.logits) < 1.5 * relative_error(whole, expected.logits)


def _gradients(net: Network, output) -> list[torch.Tensor]:
    net.zero_grad()
    output.logits.double().square().mean().backward()
    return [p.grad for p in net.parameters()]

"""Gates with a true zero and choices of any number: every lowering alike, and a closed gate runs nothing."""

from __future__ import annotations

import pytest
import torch

from dnac.ir.form import form
from lowered import (
    ATTENTION,
    BATCH,
    BLOCK,
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
BANKS = [("a", 2, ATTENTION), SKIP, ("m", 2, MLP)]


def gates(bias: float = 0.0, **more: object) -> dict:
    """A router of gates, complete."""
    return {"gate": form("relu_tanh", bias=bias), "choose": form("nonzero"), **more}


@pytest.mark.parametrize("bias", [-0.5, 0.0, 1.5])
@pytest.mark.parametrize("grad", ["soft", "ste"])
def test_open_gates_run_alike(bias: float, grad: str) -> None:
    require_equal(routed(BANKS, **gates(bias, grad=form(grad))))


@pytest.mark.parametrize("fields", [
    {"combine": form("in_branch")}, {"sees": form("module")}, {"sees": form("everyone")},
    {"weight": form("renormalised")},
    {"weight": form("one"), "grad": form("ste")}, {"balance": (form("aux", weight=0.1, per="batch"),)},
    {"norm": form("rms"), "read": form("normed")}, {"score": form("mlp", hidden=8, init=form("normal", std=0.02))},
])  # fmt: skip
def test_open_gates_run_alike_in_every_field(fields: dict) -> None:
    require_equal(routed([BLOCK, SKIP], **gates(**fields)))


def test_a_single_module_may_be_passed() -> None:
    graph = routed([("block", None, BLOCK[2])], **gates())
    require_equal(graph)
    step = network(graph)(inputs_for(graph), record=True).record[0]
    assert {-1, 0} == set(step.ids.unique().tolist())


@pytest.mark.parametrize("slots", [[-1, -1], [0, -1], [-1, 1], [0, 1]])
def test_forced_gates_run_alike(slots: list[int]) -> None:
    forced = tuple(torch.tensor(slots).expand(BATCH, TOKENS, -1) for _ in range(2))
    require_equal(routed([("block", None, BLOCK[2]), SKIP], **gates()), routes=forced)


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("choose", ["nonzero", "top"])
def test_a_closed_gate_is_never_executed(lowering: str, choose: str) -> None:
    choice = form("nonzero") if choose == "nonzero" else form("top", k=2)
    graph = routed([BLOCK, SKIP], gate=form("relu_tanh", bias=0.0), choose=choice)
    net, inputs = network(graph, lowering), inputs_for(graph)
    for step, stats in zip((out := net(inputs, record=True)).record, out.stats, strict=True):
        chosen = (step.ids[..., None] == torch.arange(4)).any(-2)
        is_open = step.gates > 0
        assert (is_open | ~chosen).all() and (step.gates >= 0).all()
        assert 0 < is_open.sum() < is_open.numel()
        if choose == "nonzero":
            assert torch.equal(chosen, is_open)
            assert stats.counts[:4].tolist() == is_open.sum((0, 1)).tolist()
            assert stats.counts[4] == (~is_open).sum()


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_with_all_gates_closed_the_stream_is_left_as_it_is(lowering: str) -> None:
    closed = routed([BLOCK, SKIP], **gates(-1e3))
    net, inputs = network(closed, lowering), inputs_for(closed)
    plain = network(routed([SKIP, ("other", 1, ())], choose=form("top", k=1)), lowering)
    plain.load_state_dict(
        {k: v for k, v in net.state_dict().items() if not k.startswith(("hop", "pool"))}, strict=False
    )
    assert error(net(inputs).logits, plain(inputs).logits) < 1e-12
    assert all(not g.any() for name, g in gradients(net, net(inputs)).items() if name.startswith(("pool", "hop")))


def test_the_weight_is_the_gate() -> None:
    """h + beta f(h), beta = relu(tanh(z + 1.5)), for one mlp without attention (arXiv 2308.03409)."""
    graph = routed([("f", None, MLP), ("keep", 1, ())], steps=1, **gates(1.5))
    net, inputs = network(graph), inputs_for(graph)
    state = net.state_dict()
    x = state["embed.table"][inputs] + state["embed.positions"][: inputs.shape[1]]
    beta = torch.relu(torch.tanh(x @ state["hop.0.weight"] + 1.5))[..., 0]
    norm = torch.nn.functional.layer_norm
    hidden = norm(x, x.shape[-1:]) * state["pool.f.mlp.norm"] @ state["pool.f.mlp.up"]
    f = torch.nn.functional.gelu(hidden, approximate="tanh") @ state["pool.f.mlp.down"]
    y = x + beta[..., None] * f
    logits = norm(y, y.shape[-1:]) * state["lm.norm"] @ state["lm.weight"]
    assert error(net(inputs).logits, logits) < 1e-10


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_gates_look_at_their_own_token_alone(lowering: str) -> None:
    graph = routed(BANKS, **gates())
    net, inputs = network(graph, lowering), inputs_for(graph)
    whole = net(inputs).logits
    assert error(net(inputs[:, :5]).logits, whole[:, :5]) < 1e-11
    assert error(net(inputs[:1]).logits, whole[:1]) < 1e-11


def test_a_bias_closes_more_gates_and_opens_none() -> None:
    graph = routed([BLOCK, SKIP], **gates(balance=(form("load_bias", rate=1e-3),)))
    net, inputs = network(graph), inputs_for(graph)
    free = net(inputs, record=True).record[0]
    for value in (0.3, -0.3):
        net.state_dict()["hop.0.bias"].fill_(value)
        step = net(inputs, record=True).record[0]
        chosen = (step.ids[..., None] == torch.arange(4)).any(-2)
        wanted = (free.gates > 0) & (free.gates + value > 0)
        assert torch.equal(chosen, wanted)

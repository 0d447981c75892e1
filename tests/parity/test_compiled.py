"""The compiled program: one graph, the eager program's values and gradients, and no value recompiles it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

import graphs
from dnac.ir.form import form
from dnac.lowering.network import Network

SCHEDULE = form("schedule", start=0.1, pieces=(form("linear", target=0.5, until=1.0),))
AUX = form("aux", weight=SCHEDULE, per="batch")


def routes(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(-1, 3, (2, 12, 1), generator=generator) for _ in range(2)]


def everything(network: Network, ids: Tensor, choice: list[Tensor], knob: float) -> list[Tensor]:
    network.zero_grad()
    knobs = torch.tensor([knob] * 2, dtype=torch.float64)
    output = network(ids, routes=choice, knobs=knobs, seeds=torch.tensor([1, int(knob * 10)]))
    (output.logits.square().mean() + output.router_loss).backward()
    grads = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    return [output.logits.detach(), output.router_loss.detach(), *grads]


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.timeout(1200)
def test_one_graph_serves_every_routing_and_every_scheduled_number_as_eager_does():
    torch._dynamo.reset()
    counters.clear()
    graph = graphs.tiny_text(steps=2, blocks=2, skips=1, balance=(AUX,))
    eager, compiled = (Network(graph, dtype=torch.float64, compile=wanted).train() for wanted in (False, True))
    assert compiled.is_compiled, compiled.notes
    ids = torch.randint(0, 256, (2, 12), generator=torch.Generator().manual_seed(0))
    to_one = [torch.ones(2, 12, 1, dtype=torch.int64) for _ in range(2)]
    for choice, knob in ((routes(1), 0.1), (routes(2), 0.3), (to_one, 0.5)):
        got, wanted = everything(compiled, ids, choice, knob), everything(eager, ids, choice, knob)
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(got, wanted, strict=True))
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.timeout(1200)
def test_limits_and_chosen_tokens_compile_and_generating_is_one_more_program():
    torch._dynamo.reset()
    choose = form("top_tokens", share=0.25, member=None, per="sequence", takers=(0, 1), rest=2)
    decode = form("predictor", score=form("linear", init=form("normal", std=0.02)), loss=0.5)
    limit = form("capacity", factor=0.6, overflow="pass", order="gate", per="sequence")
    ids = torch.randint(0, 256, (2, 12), generator=torch.Generator().manual_seed(0))
    for fields, modes in (({"choose": choose, "decode": decode}, (False, True)), ({"limit": limit}, (False,))):
        graph = graphs.tiny_text(steps=2, blocks=2, skips=1, **fields)
        eager, compiled = (Network(graph, dtype=torch.float64, compile=wanted).train() for wanted in (False, True))
        assert compiled.is_compiled, compiled.notes
        for mode in modes:
            got, wanted = (net(ids, decode=mode, record=True) for net in (compiled, eager))
            assert torch.allclose(got.logits, wanted.logits, atol=1e-12)
            assert torch.allclose(got.router_loss, wanted.router_loss, atol=1e-12)
            assert all(torch.equal(a.ids, b.ids) for a, b in zip(got.record, wanted.record, strict=True))

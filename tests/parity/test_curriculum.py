"""`top(k)` with a schedule of steps for k: as many choices as there are now, in one program with room for the most."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.schedule.cost import Costs
from dnac.semantics.check import check
from dnac.text.source import Source
from lowered import FAST, INTERPRETED, error, gradients

TEXT = """dna 1
net curriculum {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  pool nodes { block[3] = transformer(heads = 2); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(K); weight = WEIGHT; balance = BALANCE } }
  head lm = unembed(tied = true)
}
"""
STEPS = "schedule(4, step(2, 25%), step(1, 50%))"
DTYPE, CLOSE = (torch.float32, 2e-4) if INTERPRETED else (torch.float64, 1e-10)


def text(k: object = STEPS, weight: str = "raw", balance: str = "[aux(0.1)]") -> str:
    return TEXT.replace("K", str(k)).replace("WEIGHT", weight).replace("BALANCE", balance)


def graph_of(spec: str) -> Graph:
    checked = check(Source("t.dna", spec))
    assert not checked.bag.has_errors, list(checked.bag)
    return checked.nets[0].graph


def network(spec: str, lowering: str = FAST) -> Network:
    net = Network(graph_of(spec), lowering, dtype=DTYPE, seed=3)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4 if p.dim() > 1 else 1)
    return net


def inputs() -> torch.Tensor:
    return torch.arange(16).reshape(2, 8) * 7 % 11


@pytest.mark.parametrize("weight", ["raw", "uniform; frozen = true", "raw; combine = in_branch", "raw; gate = sigmoid"])
@pytest.mark.parametrize("lowering", ["reference", FAST])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_at_each_step_it_is_the_net_with_that_k(k: int, lowering: str, weight: str) -> None:
    scheduled, plain = network(text(weight=weight), lowering), network(text(k, weight), lowering)
    knobs = torch.full((2,), float(k), dtype=torch.float64)
    expected, found = plain(inputs(), record=True), scheduled(inputs(), record=True, knobs=knobs)
    assert error(found.logits, expected.logits) < CLOSE
    assert error(found.router_loss, expected.router_loss) < CLOSE
    for a, b in zip(expected.record, found.record, strict=True):
        assert torch.equal(b.ids[..., :k].sort(-1).values, a.ids.sort(-1).values) and (b.ids[..., k:] == -1).all()
    wanted = gradients(plain, expected)
    assert all(error(g, wanted[name], 1e-5) < 100 * CLOSE for name, g in gradients(scheduled, found).items())


def test_training_begins_with_the_first_k_and_what_is_served_has_the_last() -> None:
    net = network(text())
    for training, k in ((True, 4), (False, 1)):
        step = net.train(training)(inputs(), record=True).record[0]
        assert (step.ids >= 0).sum(-1).eq(k).all()


@pytest.mark.skipif(INTERPRETED, reason="the interpreter's kernels are not compiled")
@pytest.mark.compiles
def test_no_step_compiles_anything_anew() -> None:
    net = network(text(), "portable").train()
    counter = CompileCounterWithBackend("aot_eager")
    expected = [net(inputs(), knobs=torch.full((2,), float(k))).logits for k in (4, 2, 1)]
    net.run = torch.compile(net.run, backend=counter, fullgraph=True, dynamic=False)
    found = [net(inputs(), knobs=torch.full((2,), float(k))).logits for k in (4, 2, 1)]
    assert all(error(b, a) < 1e-6 for a, b in zip(expected, found, strict=True))
    assert counter.frame_count == 1


def test_a_plan_has_the_k_of_the_end() -> None:
    scheduled, last, first = (graph_of(text(k)) for k in (STEPS, 1, 4))
    flops = [sum(Costs(g).node_flops(n).expected for n in g.nodes) for g in (scheduled, last, first)]
    assert flops[0] == flops[1] < flops[2]


@pytest.mark.parametrize("k, code", [
    ("schedule(4, cosine(1, 50%))", "DNA501"), ("schedule(4, step(0, 50%))", "DNA501"),
    ("schedule(5, step(1, 50%))", "DNA501"),
    ("schedule(4, step(1.5, 50%))", "DNA501"), ("schedule(4, step(2, 50%)), groups = 2, from_groups = 1", "DNA501"),
    ("schedule(1.5, step(2, 50%))", "DNA312"),
])  # fmt: skip
def test_a_k_that_cannot_be_is_refused(k: str, code: str) -> None:
    assert [d.code for d in check(Source("t.dna", text(k))).bag if d.severity == "error"] == [code]


def test_a_weight_through_which_one_choice_teaches_nothing_is_refused() -> None:
    assert "DNA505" in [d.code for d in check(Source("t.dna", text(weight="renormalised"))).bag]
    assert "DNA505" not in [d.code for d in check(Source("t.dna", text(4, weight="renormalised"))).bag]

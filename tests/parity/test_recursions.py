"""Modules that choose among the tokens that are still here (Mixture-of-Recursions), and skips that are sticky."""

from __future__ import annotations

import pytest
import torch

from dnac.lowering.base import StepStats
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train import balance
from lowered import error, gradients

MOR = """dna 1
net mor {
  input text(context = 9, vocabulary = 11)
  embed tokens(16, positions = learned)
  module block = transformer(heads = 2)
  repeat 3 as r {
    pool go { body = block; stop = exit(loop) }
    turn: route go by {
      gate = sigmoid; choose = top_tokens(SHARE, member = body, of = OF); decode = own; weight = raw
      balance = [router_bce(0.5)]
    }
  }
  head lm = unembed(tied = true)
  assert not_causal(turn)
}
"""
STICKY = """dna 1
net sticky {
  input text(context = 9, vocabulary = 11)
  embed tokens(16, positions = learned)
  pool nodes { block[3] = transformer(heads = 2); out = exit() }
  repeat 3 { hop: route nodes by { choose = top(1); weight = raw; balance = skip_target(out, 50%, per = network) } }
  head lm = unembed(tied = true)
}
"""
CASES = [("(3 - r) / 3", "all", [9, 6, 3]), ("50%", "survivors", [5, 3, 2]), ("50%", "all", [5, 5, 5])]


def network(text: str, lowering: str = "portable") -> Network:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    net = Network(checked.nets[0].graph, lowering, dtype="float64", seed=3).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(5 if p.dim() > 1 else 1)
    return net


def inputs() -> torch.Tensor:
    return torch.arange(18).reshape(2, 9) * 7 % 11


@pytest.mark.parametrize("share, of, counts", CASES)
def test_a_turn_takes_its_share_of_those_that_the_turn_before_took(share: str, of: str, counts: list[int]) -> None:
    text = MOR.replace("SHARE", share).replace("OF", of)
    reference, portable = network(text, "reference"), network(text)
    expected, found = reference(inputs(), record=True), portable(inputs(), record=True)
    here = torch.ones(2, 9, dtype=torch.bool)
    for step, count in zip(expected.record, counts, strict=True):
        gates = torch.where(here, step.gates[..., 0], -1)
        best = torch.zeros(2, 9, dtype=torch.bool).scatter_(1, gates.argsort(1, descending=True)[:, :count], value=True)
        assert torch.equal(step.ids[..., 0] == 0, best)
        assert torch.equal(step.ids[..., 0] == 1, here & ~best)
        assert torch.equal(step.ids[..., 0] == -1, ~here)
        here = best
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))
    assert error(found.logits, expected.logits) < 1e-10
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


def test_the_router_is_taught_who_is_taken() -> None:
    """Binary cross-entropy of each turn's own router, over the tokens that are here."""
    net = network(MOR.replace("SHARE", "(3 - r) / 3").replace("OF", "all"))
    output = net(inputs(), record=True)
    total = torch.zeros((), dtype=torch.float64)
    for step in output.record:
        here, taken, p = step.ids[..., 0] >= 0, step.ids[..., 0] == 0, step.gates[..., 0]
        each = -torch.where(taken, p.log(), (1 - p).log())
        total = total + each[here].mean()
    assert error(output.router_loss, 0.5 * total) < 1e-10


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_while_generating_a_token_goes_on_where_its_own_score_is_above_zero(lowering: str) -> None:
    net = network(MOR.replace("SHARE", "50%").replace("OF", "all"), lowering)
    output = net(inputs(), record=True, decode=True)
    here = torch.ones(2, 9, dtype=torch.bool)
    for step in output.record:
        taken = here & (step.gates[..., 0] > 0.5)
        assert torch.equal(step.ids[..., 0] == 0, taken)
        here = taken
    shorter = net(inputs()[:, :6], decode=True)
    assert error(shorter.logits, output.logits[:, :6]) < 1e-10


def test_who_left_counts_as_saved_for_a_target_of_exits() -> None:
    """Of 30 slots, 2 + 2 tokens leave at the first two steps: 2 + 4 + 4 slots are saved, a third, below one half."""
    net = network(STICKY)
    counts = balance.Counts()
    one, flag = torch.ones(()), torch.tensor(True)
    taken = [[3, 3, 2, 2, 0], [2, 2, 2, 2, 0], [2, 2, 2, 0, 0]]
    counts.add([StepStats(torch.tensor(c), one, one, one, flag) for c in taken])
    balance.update(net, net.graph, counts.steps, float)
    assert all(net.get_buffer(f"hop.{n}.bias")[3] > 0 for n in range(3))
    full = balance.Counts()
    taken = [[1, 1, 0, 8, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]
    full.add([StepStats(torch.tensor(c), one, one, one, flag) for c in taken])
    balance.update(net, net.graph, full.steps, float)  # 8 + 8 + 8 of 30 saved: above one half
    assert all(net.get_buffer(f"hop.{n}.bias")[3] == 0 for n in range(3))

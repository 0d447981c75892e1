"""Tokens that halt by their own first channel (A-ViT) or by a draw (PonderNet at evaluation): every lowering alike."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from lowered import error, gradients

A_VIT = """dna 1
net tokens_that_stop {
  input image([8, 8], channels = 1, classes = 5)
  embed patches(16, size = 2, positions = learned)
  head cls = classify(pool = mean, norm = layer)
  router pond {
    read = [h]; score = channel(scale = 10, shift = 0.5); gate = sigmoid; choose = accumulate(0.99); weight = halting
    sees = peers; balance = [ponder(0.1), kl_gaussian(2, weight = 0.3)]
  }
  repeat 4 {
    transformer(heads = 2, norm = layer)
    halt by pond
  }
}
"""
DRAWN = """dna 1
net pondering {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  module body = transformer(heads = 2)
  router pond { read = [h]; choose = by_chance; balance = [kl_geometric(0.3, 0.1)]; when = eval; sees = copied }
  repeat 3 {
    body
    halt by pond
    tap lm(loss = halting)
  }
}
"""
SATURATES = """dna 1
net settles {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 4 {
    transformer(heads = 2)
    halt by { score = saturation; choose = threshold(0.7); sees = copied }
  }
}
"""
SHARED = SATURATES.replace(
    "repeat 4 {\n    transformer(heads = 2)", "module body = transformer(heads = 2)\n  repeat 4 {\n    body"
)


def network(text: str, lowering: str = "portable") -> Network:
    checked = check(Source("t.dna", text))
    assert all(each.severity == "note" for each in checked.bag.items), checked.bag.items
    net = Network(checked.nets[0].graph, lowering, dtype="float64", seed=3)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8 if p.dim() > 1 else 1)
    return net


def inputs(text: str, rows: int = 6) -> torch.Tensor:
    if "image" in text:
        return torch.randn(rows, 8, 8, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.arange(rows * 8).reshape(rows, 8) * 7 % 11


@pytest.mark.parametrize("text", [A_VIT, DRAWN, SATURATES, SHARED])
@pytest.mark.parametrize("training", [False, True])
def test_the_lowerings_agree(text: str, training: bool) -> None:
    reference, portable = (network(text, name).train(training) for name in ("reference", "portable"))
    expected, found = (net(inputs(text), record=True) for net in (reference, portable))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(expected.record, found.record, strict=True))
    assert error(found.logits, expected.logits) < 1e-10
    assert error(found.router_loss, expected.router_loss) < 1e-10
    wanted = gradients(reference, expected)
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


def test_tokens_stop_at_different_layers_by_their_first_channel() -> None:
    """With blocks that do nothing every gate is known: a token is here until its gates add up to 0.99."""
    net = network(A_VIT).eval()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("attention.out", "mlp.down")):
                p.zero_()
    seen: list[torch.Tensor] = []
    net(inputs(A_VIT), watch=lambda site, modules, part, x, d, rows: seen.append(x))
    gate = torch.sigmoid(10 * seen[0][..., 0] - 0.5)
    output = net(inputs(A_VIT), record=True)
    wanted = (gate >= 0.99).sum(), (2 * gate >= 0.99).sum(), (3 * gate >= 0.99).sum()
    assert [int(s.left) for s in output.stats[1:]] == [int(n) for n in wanted]
    assert 0 < int(wanted[0]) < int(wanted[1]) < gate.numel()
    assert error(output.record[0].gates[..., 0], gate) < 1e-12


def test_losses_on_halting_reach_the_stream_through_the_channel() -> None:
    net = network(A_VIT).train()
    net(inputs(A_VIT)).router_loss.backward()
    reached = [p.grad is not None and bool(p.grad.any()) for name, p in net.named_parameters() if "embed" in name]
    assert reached and all(reached)


def test_at_evaluation_a_token_leaves_with_the_chance_that_its_gate_says() -> None:
    net = network(DRAWN).eval()
    ids = inputs(DRAWN, 1).expand(600, 8)
    with torch.no_grad():
        step, again = (net(ids, record=True).record[0] for _ in range(2))
    gate, left = step.gates[0, :, 0], (step.ids[..., 0] == 0).double().mean(0)
    assert (left - gate).abs().max() < 0.08 and 0.2 < float(gate.min()) < float(gate.max()) < 0.8
    assert torch.equal(step.ids, again.ids)


def test_nobody_is_drawn_while_training_where_the_file_says_eval() -> None:
    assert all(int(s.left) == 0 for s in network(DRAWN).train()(inputs(DRAWN)).stats)


@pytest.mark.parametrize("text", [SATURATES, SHARED])
@pytest.mark.parametrize("way", ["reference", "portable", "by steps"])
def test_a_token_leaves_where_its_stream_no_longer_turns(text: str, way: str) -> None:
    """The same net, from which nobody leaves, says what the streams are behind each layer."""
    net = network(text, "portable" if way == "by steps" else way).eval()
    if way == "by steps":
        assert net.stepped is not None
        net.run = net.stepped.program(lambda piece: piece)
    staying = network(text, "reference").eval()
    nobody = [torch.full((6, 8, 1), -1)] * 4
    streams: list[torch.Tensor] = []
    staying(inputs(text), routes=nobody, watch=lambda site, m, part, x, d, rows: streams.append(x + d))
    streams = streams[1::2]  # behind each mlp
    cosine = torch.nn.functional.cosine_similarity
    wanted = [cosine(a, b, dim=-1).clamp(min=0) for a, b in pairwise(streams)]
    found = net(inputs(text), record=True).record
    assert float(found[0].gates.abs().max()) == 0
    assert error(found[1].gates[..., 0], wanted[0]) < 1e-10
    left = wanted[0] > 0.7
    assert torch.equal(found[1].ids[..., 0] == 0, left) and 0 < int(left.sum()) < left.numel()
    here = ~left
    assert error(found[2].gates[..., 0][here], wanted[1][here]) < 1e-10


def test_saturation_is_for_halting_steps_alone() -> None:
    text = """dna 1
net routed {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  pool nodes { a[2] = mlp(gelu, 2x) }
  route nodes by { score = saturation; choose = top(1); weight = one; balance = [] }
  head lm = unembed(tied = true)
}
"""
    assert "DNA553" in [each.code for each in check(Source("t.dna", text)).bag.items]

"""Taps that take turns: each train step counts one of a group, and computes no other head."""

from __future__ import annotations

import pytest
import torch

from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.losses import summed_loss, tap_weights, whole_loss
from lowered import error
from wide import Wide

TEXT = """dna 1
net early {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 5 as i {
    transformer(heads = 2)
    tap lm(loss = 0.1 * (i + 1), every = 3)
  }
}
"""
EQUAL = TEXT.replace("0.1 * (i + 1)", "0.1")
IDS = torch.arange(32).reshape(4, 8) * 7 % 11


def network(text: str, lowering: str = "portable") -> Network:
    checked = check(Source("t.dna", text))
    assert not checked.bag.has_errors, checked.bag
    net = Network(checked.nets[0].graph, lowering, dtype="float64", seed=3).train()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(6 if p.dim() > 1 else 1)
    return net


def loss_at(net: Network, step: int) -> torch.Tensor:
    output = net(IDS, seeds=torch.tensor([1, step]))
    weights = [turns[step % len(turns)] for turns in tap_weights(net.graph)]
    own = whole_loss(output, IDS, label_smoothing=0.0, count=32)
    told = whole_loss(output, IDS, label_smoothing=0.0, count=32, weights=weights)  # type: ignore[arg-type]
    assert error(own, told) < 1e-12
    return told


@pytest.mark.parametrize("text", [TEXT, EQUAL], ids=["unlike", "rolled"])
@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_a_step_counts_the_taps_whose_turn_it_is(lowering: str, text: str, step: int) -> None:
    """Taps 0, 1, 2 are a group, 3 and 4 another: step 2 has only tap 2."""
    all_on = network(text.replace(", every = 3", ""), lowering)
    output = all_on(IDS, seeds=torch.tensor([1, step]))
    wanted = summed_loss(output.logits, IDS, 0.0) / 32
    for place, tap in enumerate(output.taps):
        if place % 3 == step % 3:
            wanted = wanted + tap.weight * summed_loss(tap.logits, IDS, 0.0) / 32
    net = network(text, lowering)
    found = loss_at(net, step)
    assert error(found, wanted) < 1e-10
    wanted.backward()
    found.backward()
    expected = dict(all_on.named_parameters())
    assert all(error(p.grad, expected[name].grad) < 1e-9 for name, p in net.named_parameters())  # type: ignore[arg-type]


def test_a_step_computes_the_heads_of_the_groups_alone() -> None:
    """Five taps in turns of three: two heads beside that of the net, forward and back."""
    counts = []
    for text in (TEXT, TEXT.replace(", every = 3", ""), "\n".join(s for s in TEXT.splitlines() if "tap" not in s)):
        net = network(text.replace("vocabulary = 11", "vocabulary = 512"))
        with Wide(4 * 8 * 512) as seen:
            whole_loss(net(IDS), IDS, label_smoothing=0.0, count=32).backward()
        counts.append(seen.seen)
    turns, every, none = counts
    assert turns == {name: 3 * count for name, count in none.items()}
    assert every == {name: 6 * count for name, count in none.items()}


def test_at_evaluation_there_is_no_tap() -> None:
    assert not network(TEXT).eval()(IDS).taps


def test_what_each_step_counts_is_part_of_the_graph_and_of_its_text() -> None:
    graph = network(TEXT).graph
    assert tap_weights(graph) == (pytest.approx((0.1, 0.2, 0.3)), pytest.approx((0.4, 0.5, 0.0)))
    assert read_graph(print_graph(graph)) == graph and "every 3" in print_graph(graph)
    assert "every" not in print_graph(network(TEXT.replace(", every = 3", "")).graph)


def test_steps_of_unlike_taps_are_not_compiled_apart() -> None:
    stepped = network(EQUAL).stepped
    assert stepped is not None and "take turns" in stepped.why_not


@pytest.mark.slow
def test_one_compiled_program_serves_all_steps() -> None:
    net = network(TEXT)
    wanted = [loss_at(net, step).item() for step in (1, 2, 3)]
    torch.compiler.reset()
    net.run = torch.compile(net.run, fullgraph=True)
    torch._dynamo.config.error_on_recompile = True  # type: ignore[attr-defined]
    try:
        assert [loss_at(net, step).item() for step in (1, 2, 3)] == pytest.approx(wanted)
    finally:
        torch._dynamo.config.error_on_recompile = False  # type: ignore[attr-defined]

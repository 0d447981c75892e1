"""No token depends on a later one, and no sequence on another one of its batch."""

from __future__ import annotations

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from lowered import BLOCK, MLP, TOKENS, error, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]


def everything(sees: str = "peers", **more: object) -> Graph:
    """Attention everywhere, two choices a token, its own routing."""
    groups = [BLOCK, ("m", 2, MLP), ("skip", 2, ())]
    return routed(groups, steps=3, backbone=graphs.transformer(), choose=form("top", k=2), sees=form(sees), **more)


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
def test_later_tokens_change_nothing_before_them(sees: str, lowering: str) -> None:
    net = network(everything(sees), lowering)
    inputs = inputs_for(net.graph)
    before = net(inputs).logits
    for at in (1, 4, TOKENS - 1):
        changed = inputs.clone()
        changed[:, at:] = (changed[:, at:] + 1) % 32
        after = net(changed).logits
        assert error(after[:, :at], before[:, :at]) < 1e-11
        assert error(after[:, at], before[:, at]) > 1e-3


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_without_a_causal_mask_later_tokens_are_seen(lowering: str) -> None:
    """The test above can fail."""
    part = (Part("a", graphs.attention(causal=False)),)
    net = network(routed([("a", 1, part)], steps=1), lowering)
    inputs = inputs_for(net.graph)
    changed = inputs.clone()
    changed[:, -1] = (changed[:, -1] + 1) % 32
    assert error(net(changed).logits[:, 0], net(inputs).logits[:, 0]) > 1e-6


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
def test_a_sequence_does_not_depend_on_its_batch(sees: str, lowering: str) -> None:
    net = network(everything(sees), lowering)
    inputs = inputs_for(net.graph, batch=4)
    together = net(inputs).logits
    for row in range(4):
        alone = net(inputs[row : row + 1], samples=torch.tensor([row])).logits
        assert error(together[row : row + 1], alone) < 1e-11


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_nan_in_one_sequence_stays_there(lowering: str) -> None:
    blocks = ("block", 3, (Part("attention", graphs.attention(causal=False)), Part("mlp", graphs.mlp())))
    graph = routed([blocks, ("skip", 1, ())], image=True, tokens=4, choose=form("top", k=2))
    net, inputs = network(graph, lowering), inputs_for(graph)
    clean = net(inputs).logits[1]
    inputs[0, 0, 0] = float("nan")
    output = net(inputs)
    assert error(output.logits[1], clean) < 1e-11
    assert not output.stats[0].finite


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_shorter_sequence_is_a_prefix(lowering: str) -> None:
    net = network(everything(), lowering)
    inputs = inputs_for(net.graph)
    assert error(net(inputs[:, :5]).logits, net(inputs).logits[:, :5]) < 1e-11

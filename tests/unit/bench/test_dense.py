"""The dense baseline is the dense net: the same logits with the same weights, and FLOPs as counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

import benching
from benching import DNA, GPT, LLAMA, MOE, VIT
from dnac import catalogue
from dnac.bench.base import NoBaseline, Types
from dnac.bench.dense import DenseNet
from dnac.bench.shape import forward_flops, twin_of
from dnac.lowering.network import Network


@pytest.mark.parametrize("text", [GPT, LLAMA, VIT], ids=["gpt", "llama", "vit"])
def test_its_logits_are_those_of_our_dense_net_with_the_same_weights(text: str):
    task = benching.task(text)
    network = Network(task.graph, "reference", seed=3)
    net = DenseNet(twin_of(task.graph), task.types, task.length)
    copied = benching.give(network, net)
    assert {id(p) for _, _, p in copied} == {id(p) for p in net.parameters()}
    inputs, targets = benching.inputs_of(task)
    ours, theirs = network(inputs).logits, net.logits(inputs)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)
    assert ours.std() > 1e-3
    torch.testing.assert_close(net(inputs, targets), cross_entropy(ours.flatten(0, -2), targets.flatten()))


def test_gpt_flops_are_those_of_the_formula():
    task = benching.task(GPT)
    L, D, T, V = 3, 16, 12, 40
    by_hand = T * (L * 24 * D * D + 2 * D * V) + L * 4 * D * T * (T + 1) / 2
    assert forward_flops(twin_of(task.graph), T) == by_hand
    assert catalogue.get("baseline", "dense").flops(task) == 3 * by_hand
    assert catalogue.get("baseline", "floor").flops(task) == 3 * T * 2 * D * V


def test_a_routing_step_of_k_is_k_passes_and_an_identity_none():
    twin = twin_of(benching.task(DNA).graph)
    assert len(twin.parts) == 2 * (1 + 3 * 2)
    assert len(twin_of(benching.task(DNA, "k=1").graph).parts) == 2 * (1 + 3)


def test_a_pools_norm_becomes_that_of_each_pass():
    parts = twin_of(benching.task(MOE).graph).parts
    assert [type(p).__name__ for p in parts[:3]] == ["AttentionParams", "MlpParams", "MlpParams"]
    assert [p.norm.name for p in parts] == ["rms"] * 6


def test_unlike_modules_have_no_twin_and_the_reason_names_the_step():
    text = DNA.replace("skip[2] = identity()", "wide = mlp(gelu, 8x)")
    with pytest.raises(NoBaseline, match=r"`hop\[0\]` chooses among unlike modules"):
        twin_of(benching.task(text).graph)


@pytest.mark.parametrize(("word", "stream"), [("bf16", torch.float32), ("bf16_stream", torch.bfloat16)])
def test_types_are_those_of_the_precision(word: str, stream: torch.dtype):
    types = Types.of(catalogue.get("precision", word))
    assert (types.weights, types.compute, types.stream) == (torch.float32, torch.bfloat16, stream)
    net = DenseNet(twin_of(benching.task(GPT).graph), types, 12)
    seen: list[torch.dtype] = []
    net.parts[1].register_forward_hook(lambda module, given, made: seen.extend((given[0].dtype, made.dtype)))
    logits = net.logits(torch.zeros(2, 12, dtype=torch.int64))
    assert seen == [stream, torch.bfloat16]
    assert logits.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in net.parameters())

"""The naive loop computes what the reference does: forward, gradients, forced choices."""

from __future__ import annotations

import pytest
import torch

import benching
from benching import DNA, MOE, VISION
from dnac.bench.base import NoBaseline, mean_loss
from dnac.bench.naive import NaiveNet
from dnac.bench.routes import draw, steps_of
from dnac.lowering.network import Network


@pytest.mark.parametrize("is_forced", [False, True], ids=["own", "forced"])
@pytest.mark.parametrize(
    ("text", "settings"),
    [(DNA, ("k=1",)), (DNA, ("k=2",)), (MOE, ()), (VISION, ())],
    ids=["top1", "top2", "moe", "vit"],
)
def test_it_equals_the_reference_forward_and_backward(text: str, settings: tuple[str, ...], is_forced: bool):
    task = benching.task(text, *settings)
    network = Network(task.graph, "reference", seed=5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)  # choices and weights that differ from token to token
    net = NaiveNet(task.graph, task.types, task.length)
    copied = benching.give(network, net)
    assert {id(p) for _, _, p in copied} == {id(p) for p in net.parameters()}
    inputs, targets = benching.inputs_of(task)
    routes = None
    if is_forced:
        routes = draw(steps_of(task.graph), "zipf", 0.0, task.batch, task.length, torch.Generator().manual_seed(1))
    logits = network(inputs, routes=routes).logits
    torch.testing.assert_close(net.logits(inputs, routes), logits, rtol=1e-4, atol=1e-5)
    mean_loss(logits, targets).backward()
    net(inputs, targets, routes).backward()
    with torch.no_grad():
        for parameter in network.parameters():  # the same view of the gradient as of the weight
            assert parameter.grad is not None
            parameter.copy_(parameter.grad)
    for name, theirs, ours in copied:
        gradient = torch.zeros_like(ours) if ours.grad is None else ours.grad
        torch.testing.assert_close(gradient, theirs.detach(), rtol=2e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


def test_a_module_that_nobody_chose_does_not_run():
    task = benching.task(DNA, "k=1")
    net = NaiveNet(task.graph, task.types, task.length)
    inputs, targets = benching.inputs_of(task)
    routes = tuple(torch.full((3, 12, 1), 1) for _ in range(3))
    net(inputs, targets, routes).backward()
    ran = [i for i, block in enumerate(net.blocks) if any(p.grad is not None for p in block.parameters())]
    assert ran == [net.places["transformer"], net.places["nodes.block[1]"]]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("weight = raw", "weight = raw; gate = softmax; score = mlp(8)", "score = mlp"),
        ("balance = []", "balance = aux(0.01)", "balance losses"),
        ("balance = []", "balance = []; sees = everyone", "sees = everyone"),
        ("balance = []", "balance = []; tau = 2.0", "tau or scale"),
        ("weight = raw", "weight = raw; read = [h, step]", "beside the stream"),
        ("weight = raw", "weight = raw; score = linear(per = last)", "beside the stream"),
    ],
)
def test_what_the_loop_does_not_know_is_said(old: str, new: str, reason: str):
    with pytest.raises(NoBaseline, match=reason):
        NaiveNet(benching.task(DNA.replace(old, new)).graph, benching.FP32, 12)

"""The portable lowering on a GPU: the CPU's values, exact router products, one graph, the same bits twice."""

from __future__ import annotations

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from dnac.lowering import draws
from dnac.lowering.exact import exact_product
from lowered import ATTENTION, MLP, SKIP, error, gradients, ids, inputs_for, network, routed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]

PARTS = (Part("a", graphs.attention(bias=True)), Part("m", graphs.mlp(dropout=0.1)))
GROUPS = [("x", 3, PARTS), ("a", 2, ATTENTION), ("m", 2, MLP), SKIP]
TOP2 = form("top", k=2)
SEEDS = torch.tensor([3, 4])


@pytest.mark.parametrize("sees", ["peers", "module", "everyone"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_gpu_gives_the_reference_of_the_cpu(dtype: torch.dtype, sees: str) -> None:
    graph = routed(GROUPS, choose=TOP2, sees=form(sees), balance=(form("aux", weight=0.1, per="batch"),))
    inputs = inputs_for(graph)
    reference, portable = network(graph, "reference", dtype), network(graph, dtype=dtype).cuda()
    expected = reference(inputs, record=True, seeds=SEEDS)
    routes = [step.cuda() for step in ids(expected)]
    found = portable(inputs.cuda(), routes=routes, seeds=SEEDS.cuda())
    limit = 1e-10 if dtype == torch.float64 else 1e-4
    assert error(found.logits.cpu(), expected.logits) < limit
    wanted = gradients(reference, expected)
    assert all(error(g.cpu(), wanted[name]) < 100 * limit for name, g in gradients(portable, found).items())


def test_bf16_errs_at_most_twice_as_much_as_the_reference() -> None:
    graph = routed(GROUPS, steps=3, choose=TOP2)
    inputs = inputs_for(graph, batch=4)
    truth = network(graph, "reference")
    with torch.no_grad():
        for parameter in truth.parameters():
            parameter.copy_(parameter.bfloat16())
    expected = truth(inputs, record=True, seeds=SEEDS)
    errors = []
    for lowering, device in (("reference", "cpu"), ("portable", "cuda")):
        net = network(graph, lowering, torch.bfloat16).to(device)
        net.load_state_dict(truth.state_dict())
        routes = [step.to(device) for step in ids(expected)]
        found = net(inputs.to(device), routes=routes, seeds=SEEDS.to(device)).logits.cpu()
        errors.append(float((found.double() - expected.logits).norm().detach()))
    assert errors[1] < 2 * errors[0]


def test_draws_have_the_bits_of_the_cpu() -> None:
    words = torch.arange(1000)
    assert torch.equal(draws.uniform(1, 2, words.cuda()).cpu(), draws.uniform(1, 2, words))
    traced = torch.compile(draws.uniform, fullgraph=True)
    assert torch.equal(traced(1, 2, words.cuda()).cpu(), draws.uniform(1, 2, words))


def test_router_products_are_float32_under_tf32() -> None:
    x, weight = torch.randn(64, 512, device="cuda"), torch.randn(512, 64, device="cuda")
    exact = (x.double() @ weight.double()).float()
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        assert error(x @ weight, exact) > 1e-5
        assert error(exact_product(x, weight), exact) < 1e-6
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.backends.cuda.matmul.fp32_precision = "ieee"


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.compiles)])
def test_two_runs_give_the_same_bits(compiled: bool) -> None:
    graph = routed(GROUPS, choose=TOP2)
    net = network(graph, dtype=torch.float32, device="cuda", compile=compiled)
    inputs, seeds = inputs_for(graph, batch=8).cuda(), SEEDS.cuda()
    first, second = (gradients(net, net(inputs, seeds=seeds)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.compiles
def test_the_compiled_bf16_program_has_no_host_sync_and_agrees_with_eager() -> None:
    part = (Part("a", graphs.attention()), Part("m", graphs.mlp()))
    graph = routed([("x", 3, part), SKIP], choose=TOP2)
    eager, compiled = (
        network(graph, device="cuda", dtype=torch.float32),
        network(graph, device="cuda", compile=True, dtype=torch.float32),
    )
    inputs = inputs_for(graph).cuda()
    with torch.autocast("cuda", torch.bfloat16):
        expected = eager(inputs, record=True)
        routes = ids(expected)
        found = compiled(inputs, routes=routes)
        assert error(found.logits, expected.logits) < 0.05
        torch.cuda.set_sync_debug_mode("error")
        try:
            compiled(inputs, routes=routes).logits.float().sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")

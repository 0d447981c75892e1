"""What `check` accepts runs: build, forward, backward, one step of AdamW, save, load; and lowered means reference."""

from __future__ import annotations

import io

import pytest
import torch
from torch.nn import functional

from checking import good
from dnac.ir.graph import Graph
from dnac.lowering.base import Output
from dnac.lowering.network import Network
from lowered import error, ids, lively, objective
from specs_generator import spec

RUNS, EQUALS = 40, 30
"""Specs of every change, 0.3 s each on a slow core; the slow suite takes 2,000 and 200."""
BLOCK = 10


def graph_of(seed: int) -> Graph:
    return good(spec(seed), name="m" if "net m" in spec(seed) else "n").graph


def material(graph: Graph, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of the net, and targets."""
    generator = torch.Generator().manual_seed(3)
    if graph.is_text:
        return tuple(torch.randint(11, (2, batch, graph.tokens), generator=generator))  # type: ignore[return-value]
    return torch.rand(batch, 8, 8, 1, generator=generator), torch.randint(10, (batch,), generator=generator)


def require_that_it_runs(seed: int) -> None:
    graph = graph_of(seed)
    inputs, targets = material(graph)
    network = Network(graph, seed=seed)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    output = network(inputs)
    loss = functional.cross_entropy(output.logits.flatten(0, -2), targets.flatten()) + output.router_loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())
    optimizer.step()
    assert any(not torch.equal(before[name], p) for name, p in network.named_parameters())
    assert all(torch.isfinite(p).all() for p in network.parameters())
    require_that_it_loads(network.eval(), graph, inputs)


def require_that_it_loads(network: Network, graph: Graph, inputs: torch.Tensor) -> None:
    kept = io.BytesIO()
    torch.save(network.state_dict(), kept)
    kept.seek(0)
    other = Network(graph, seed=99).eval()
    other.load_state_dict(torch.load(kept, weights_only=True))
    with torch.no_grad():
        found, expected = other(inputs).logits, network(inputs).logits
    assert torch.isfinite(found).all() and torch.equal(found, expected)


def require_that_it_means_the_reference(seed: int) -> None:
    graph = graph_of(seed)
    inputs, _ = material(graph)
    inputs = inputs if graph.is_text else inputs.double()
    reference, portable = (lively(Network(graph, name, dtype="float64")).eval() for name in ("reference", "portable"))
    expected = reference(inputs, record=True)
    found = portable(inputs, record=True, routes=ids(expected))
    assert error(found.logits, expected.logits) < 1e-10
    assert error(found.router_loss, expected.router_loss) < 1e-10
    wanted, given = gradients(reference, expected), gradients(portable, found)
    assert wanted.keys() == given.keys()
    worst = {name: error(gradient, wanted[name]) for name, gradient in given.items()}
    assert max(worst.values()) < 5e-9, max(worst, key=lambda name: worst[name])


def gradients(network: Network, output: Output) -> dict[str, torch.Tensor]:
    """Of all parameters that the outputs depend on: not the router of a fixed choice of an identity."""
    objective(output).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("first", range(0, RUNS, BLOCK))
def test_what_check_accepts_runs_trains_saves_and_loads(first: int) -> None:
    for seed in range(first, first + BLOCK):
        require_that_it_runs(seed)


@pytest.mark.parametrize("first", range(0, EQUALS, BLOCK))
def test_lowered_is_the_reference(first: int) -> None:
    for seed in range(first, first + BLOCK):
        require_that_it_means_the_reference(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 12_000, 100))
def test_what_check_accepts_runs_and_more_of_it(first: int) -> None:
    for seed in range(first, first + 100):
        require_that_it_runs(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 10_200, 20))
def test_lowered_is_the_reference_and_more_of_it(first: int) -> None:
    for seed in range(first, first + 20):
        require_that_it_means_the_reference(seed)

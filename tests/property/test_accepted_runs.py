"""What `check` accepts runs: build, forward, backward, one step of AdamW, save, load; and lowered means reference."""

from __future__ import annotations

import io
from functools import lru_cache

import pytest
import torch
from torch.nn import functional

from checking import good
from dnac.ir.graph import Graph
from dnac.lowering.base import Output
from dnac.lowering.network import Network
from lowered import error, ids, lively, objective
from specs_generator import spec

EACH, EACH_SLOW = 200, 2_000
"""Specs of every change and of the slow suite, 0.05 s each."""
COMPILED, COMPILED_SLOW = 2, 30
"""Specs that are also compiled, half a minute each: the smallest ones first."""
BLOCK = 20


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


def require_that_compiled_is_eager(seed: int) -> None:
    torch._dynamo.reset()
    graph = graph_of(seed)
    inputs, _ = material(graph)
    inputs = inputs if graph.is_text else inputs.double()
    eager, compiled = (lively(Network(graph, dtype="float64", compile=wanted)).eval() for wanted in (False, True))
    expected = eager(inputs, record=True)
    found = compiled(inputs, routes=ids(expected))
    assert error(found.logits, expected.logits) < 1e-10
    wanted, given = gradients(eager, expected), gradients(compiled, found)
    assert wanted.keys() == given.keys()
    assert max(error(gradient, wanted[name]) for name, gradient in given.items()) < 5e-9


@lru_cache(maxsize=1)
def smallest_first() -> tuple[int, ...]:
    """The first seeds of the slow suite, by the size of their graphs; those without a node to compile left out."""
    sizes = {seed: len(graph_of(seed).nodes) for seed in range(10_000, 10_120)}
    return tuple(sorted((seed for seed, size in sizes.items() if size > 3), key=lambda seed: (sizes[seed], seed)))


@pytest.mark.parametrize("first", range(0, EACH, BLOCK))
def test_what_check_accepts_runs_trains_saves_and_loads(first: int) -> None:
    for seed in range(first, first + BLOCK):
        require_that_it_runs(seed)


@pytest.mark.parametrize("first", range(0, EACH, BLOCK))
def test_lowered_is_the_reference(first: int) -> None:
    for seed in range(first, first + BLOCK):
        require_that_it_means_the_reference(seed)


@pytest.mark.compiles
@pytest.mark.parametrize("place", range(COMPILED))
def test_compiled_is_eager(place: int) -> None:
    require_that_compiled_is_eager(smallest_first()[place])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 10_000 + EACH_SLOW, 100))
def test_what_check_accepts_runs_and_more_of_it(first: int) -> None:
    for seed in range(first, first + 100):
        require_that_it_runs(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 10_000 + EACH_SLOW, 100))
def test_lowered_is_the_reference_and_more_of_it(first: int) -> None:
    for seed in range(first, first + 100):
        require_that_it_means_the_reference(seed)


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("place", range(COMPILED, COMPILED_SLOW))
def test_compiled_is_eager_and_more_of_it(place: int) -> None:
    require_that_compiled_is_eager(smallest_first()[place])

"""The traced program: one graph without breaks, no recompile whatever is routed, and still causal.

Tracing alone (`aot_eager`) is cheap enough to do always; generated code is compared in `test_compiled.py`
and at the end of this file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from dnac.lowering.network import Network
from lowered import MLP, TOKENS, error, gradients, inputs_for, network, routed

pytestmark = pytest.mark.compiles

SCHEDULE = form("schedule", start=0.1, pieces=())


def everything(sees: str, dropout: float = 0.2) -> Graph:
    """Two banks, two identities, two choices, draws, scheduled numbers, a region of two turns."""
    parts = (Part("attention", graphs.attention(dropout=dropout)), Part("mlp", graphs.mlp(bias=True)))
    return routed(
        [("x", 3, parts), ("m", 2, MLP), ("skip", 2, ())],
        choose=form("top", k=2),
        sees=form(sees),
        noise=form("jitter", share=0.1),
        combine=form("in_branch"),
        balance=(form("load_bias", rate=0.1), form("aux", weight=SCHEDULE, per="batch")),
    )


def traced(graph: Graph) -> tuple[Network, Network, CompileCounterWithBackend]:
    """The same network traced and not."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled, eager = network(graph), network(graph)
    compiled.run = torch.compile(compiled.run, backend=counter, fullgraph=True, dynamic=False)
    return compiled, eager, counter


@pytest.fixture(scope="module", params=["peers", pytest.param("module", marks=pytest.mark.slow)])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Network, Network, CompileCounterWithBackend]]:
    """Traced once for all tests below."""
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield traced(everything(request.param))


def call(step: int) -> dict[str, torch.Tensor]:
    """Values that change from one train step to the next."""
    return {
        "seeds": torch.tensor([3, step]),
        "samples": torch.tensor([step, step + 7]),
        "knobs": torch.tensor([0.1 * step, 0.2], dtype=torch.float64),
    }


def test_routings_seeds_and_scheduled_numbers_never_recompile(pair) -> None:
    compiled, eager, counter = pair
    loads = set()
    for step in range(4):
        inputs = inputs_for(compiled.graph, seed=step)
        if step == 3:  # every token the same: all to one module
            inputs = torch.zeros_like(inputs)
            compiled.get_buffer("hop.0.bias")[1] = eager.get_buffer("hop.0.bias")[1] = 9.0
        found, expected = compiled(inputs, **call(step)), eager(inputs, **call(step))
        assert error(found.logits, expected.logits) < 1e-12
        assert error(found.router_loss, expected.router_loss) < 1e-12
        wanted = gradients(eager, expected)
        assert all(error(g, wanted[name]) < 1e-9 for name, g in gradients(compiled, found).items())
        loads.add(tuple(found.stats[0].counts.tolist()))
    assert len(loads) == 4
    assert counter.frame_count == 1


def test_the_traced_program_is_causal_and_keeps_sequences_apart(pair) -> None:
    compiled, _, counter = pair
    inputs = inputs_for(compiled.graph)
    before = compiled(inputs, **call(1)).logits
    for at in (1, TOKENS - 1):
        changed = inputs.clone()
        changed[0, at:] = (changed[0, at:] + 1) % 32
        after = compiled(changed, **call(1)).logits
        assert error(after[0, :at], before[0, :at]) < 1e-11
        assert error(after[0, at], before[0, at]) > 1e-3
        assert error(after[1], before[1]) < 1e-11
    assert counter.frame_count == 1


@pytest.mark.slow
def test_everyone_and_forced_routes_are_one_graph_each() -> None:
    with torch._dynamo.config.patch(error_on_recompile=False):  # the fixture of the tests above may be alive
        _everyone_and_forced_routes()


def _everyone_and_forced_routes() -> None:
    compiled, eager, counter = traced(everything("everyone"))
    inputs = inputs_for(compiled.graph)
    expected = eager(inputs, record=True, **call(1))
    found = compiled(inputs, record=True, **call(1))
    assert error(found.logits, expected.logits) < 1e-12
    for slots in ([0, 1], [6, 5], [-1, -1], [3, 4]):
        whole = torch.tensor(slots).expand(2, TOKENS, -1)
        routes = [whole, whole if slots[0] else whole.clone()]  # one object twice is no other program
        found, expected = (net(inputs, routes=routes, **call(1)).logits for net in (compiled, eager))
        assert error(found, expected) < 1e-12
    assert counter.frame_count == 2


@pytest.mark.timeout(900)
def test_generated_code_gives_the_values_and_gradients_of_the_eager_program() -> None:
    torch._dynamo.reset()
    graph = routed([("x", 2, (Part("m", graphs.mlp(dropout=0.2)),)), ("skip", 1, ())], steps=1)
    eager, compiled = network(graph), network(graph, compile=True)
    assert compiled.is_compiled, compiled.notes
    for step in range(2):
        inputs = inputs_for(graph, seed=step)
        seeds = torch.tensor([3, step])
        expected, found = eager(inputs, seeds=seeds), compiled(inputs, seeds=seeds)
        assert error(found.logits, expected.logits) < 1e-12
        wanted = gradients(eager, expected)
        assert all(error(g, wanted[name]) < 1e-9 for name, g in gradients(compiled, found).items())

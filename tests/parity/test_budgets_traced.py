"""Gates, purses, budgets' losses, draws and temperatures as one traced graph: no breaks, no recompile, as eager."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from dnac.ir.form import form
from dnac.ir.graph import BudgetSet, Graph
from lowered import ATTENTION, MLP, SKIP, error, gradients, inputs_for, network, routed

pytestmark = pytest.mark.compiles

FALLS = form("schedule", start=1.0, pieces=(form("linear", target=0.3, until=0.5),))
UNLIKE = [("a", 1, ATTENTION), ("m", 2, MLP), SKIP]


def with_budgets(graph: Graph) -> Graph:
    """A purse and a loss over all routers, both with scheduled targets."""
    by = {"purse": form("hard"), "aim": form("loss", shape="log", weight=0.5, warmup=0.0)}
    names = tuple(r.name for r in graph.routers)
    make = lambda name: BudgetSet(name, form("flops", target=FALLS, per="token", by=by[name], of=()), names)
    return replace(graph, budgets=tuple(map(make, by)))


@pytest.mark.parametrize("choose", ["nonzero", "gumbel"])
def test_one_graph_serves_every_target_and_temperature(choose: str) -> None:
    fields = {"gate": form("relu_tanh", bias=0.2)} if choose == "nonzero" else {"tau": FALLS}
    choice = form("nonzero") if choose == "nonzero" else form("gumbel", k=2)
    graph = with_budgets(routed(UNLIKE, steps=3, choose=choice, **fields))
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled, eager = network(graph), network(graph)
    compiled.run = torch.compile(compiled.run, backend=counter, fullgraph=True, dynamic=False)
    assert compiled.stepped is not None and "budget" in compiled.stepped.why_not
    with torch._dynamo.config.patch(error_on_recompile=True):
        for step, target in enumerate((0.9, 0.5, 0.3)):
            given = {"seeds": torch.tensor([3, step]), "samples": torch.tensor([1, 5])}
            given["knobs"] = torch.full((len(eager._starts),), target, dtype=torch.float64)
            outputs = [net.train()(inputs_for(graph, seed=step), **given) for net in (compiled, eager)]
            assert error(outputs[0].logits, outputs[1].logits) < 1e-10
            assert error(outputs[0].router_loss, outputs[1].router_loss) < 1e-10
            assert outputs[0].budgets[0].over == 0 and outputs[0].budgets[0].executed <= target + 1e-6
            found, wanted = (gradients(net, out) for net, out in zip((compiled, eager), outputs, strict=True))
            assert all(error(found[name], wanted[name]) < 1e-8 for name in wanted)
    assert counter.frame_count == 1

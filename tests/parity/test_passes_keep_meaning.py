"""A pass changes what runs, never what comes out: judged by the reference lowering in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dnac import catalogue
from dnac.ir.form import form
from dnac.ir.graph import Graph
from dnac.lowering.network import Network
from dnac.passes.pipeline import LEVELS, passes
from graphs import tiny_text
from random_graphs import TOKENS, VOCABULARY, random_graph


def outputs(graph: Graph, level: str, lowering: str = "reference") -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits on a fixed batch, and the gradients of all weights."""
    network = Network(graph, lowering, dtype=torch.float64, seed=3, level=level)
    inputs = torch.arange(3 * TOKENS).reshape(3, TOKENS) * 7 % VOCABULARY
    output = network(inputs)
    (output.logits.square().sum() + output.router_loss).backward()
    zero = torch.zeros(())
    return output.logits.detach(), {n: zero if p.grad is None else p.grad for n, p in network.named_parameters()}


@pytest.mark.parametrize("seed", range(12))
def test_levels_agree_on_random_graphs(seed: int) -> None:
    graph = random_graph(seed)
    logits, grads = outputs(graph, "O0")
    assert logits.std() > 1e-3
    for level in LEVELS[1:]:
        found, found_grads = outputs(graph, level)
        torch.testing.assert_close(found, logits, rtol=1e-9, atol=1e-9)
        assert {n: tuple(g.shape) for n, g in found_grads.items() if g.any()} == {
            n: tuple(g.shape) for n, g in grads.items() if g.any()
        }
        for name, grad in found_grads.items():
            torch.testing.assert_close(grad, grads[name], rtol=1e-7, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("name", catalogue.names("rewrite"))
def test_each_pass_alone_keeps_the_meaning(name: str) -> None:
    step = next(p for p in passes("O2") if p.name == name)
    for seed in range(100, 104):
        graph = random_graph(seed, only="fixed" if name in ("prune_unreachable", "fold_fixed_choices") else "")
        torch.testing.assert_close(outputs(step.apply(graph), "O0")[0], outputs(graph, "O0")[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("choose", [form("top", k=5), form("top", k=1), form("fixed", index=2)])
def test_levels_agree_on_scores_that_are_no_numbers(choose) -> None:
    """A NaN in one column of a router's matrix takes one candidate out, at every level."""
    graph = tiny_text(steps=2, choose=choose, weight=form("one"))
    inputs = torch.arange(24).reshape(2, 12)
    found = []
    for level in LEVELS:
        network = Network(graph, "reference", dtype=torch.float64, seed=1, level=level).eval()
        with torch.no_grad():
            dict(network.named_parameters())["hop.1.weight"][:, 2] = torch.nan
            output = network(inputs)
        found.append((output.logits, [stats.counts for stats in output.stats]))
    for logits, counts in found[1:]:
        torch.testing.assert_close(logits, found[0][0], rtol=1e-9, atol=1e-9)
        assert all(torch.equal(a, b) for a, b in zip(counts, found[0][1], strict=True))


def test_a_pass_that_loses_a_bank_is_noticed() -> None:
    """The comparison has teeth: graphs that run one module less give other logits."""
    graph = tiny_text(steps=1, k=4)
    route = graph.nodes[2]
    wrong = replace(graph, nodes=(*graph.nodes[:2], replace(route, runs=(0, 1, 2)), *graph.nodes[3:]))  # type: ignore[type-var]
    network, other = (Network(g, "reference", dtype=torch.float64, seed=1) for g in (graph, wrong))
    inputs = torch.arange(24).reshape(2, 12)
    assert not torch.allclose(network(inputs).logits, other(inputs).logits)

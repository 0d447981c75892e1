"""Rows that nobody computes (identities, other banks, empty slots) never leak, whatever memory held."""

from __future__ import annotations

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from dnac.lowering import gmm
from lowered import MLP, SKIP, error, gradients, inputs_for, network, routed

BLOCKS = ("x", 3, (Part("a", graphs.attention(bias=True)), Part("m", graphs.mlp(bias=True))))


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch):
    """From now on fresh memory of grouped products holds NaN."""
    empty = torch.empty

    def nan_empty(*args, **kwargs):
        made = empty(*args, **kwargs)
        return made.fill_(float("nan")) if made.is_floating_point() else made

    return lambda: monkeypatch.setattr(gmm.torch, "empty", nan_empty)


@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
@pytest.mark.parametrize("choice", [[0, 3], [3, 4], [-1, 4], [2, -1]])
def test_poisoned_memory_changes_nothing_in_two_backward_passes(choice: list[int], sees: str, poison) -> None:
    graph = routed([BLOCKS, ("m", 1, MLP), SKIP], choose=form("top", k=2), sees=form(sees))
    net, inputs = network(graph), inputs_for(graph)
    routes = tuple(torch.tensor(choice).expand(2, 8, -1) for _ in range(2))
    clean = net(inputs, routes=routes)
    wanted = gradients(net, clean)
    poison()
    for _ in range(2):
        found = net(inputs, routes=routes)
        assert torch.equal(found.logits, clean.logits)
        assert all(torch.equal(g, wanted[name]) for name, g in gradients(net, found).items())


@pytest.fixture
def pole(monkeypatch: pytest.MonkeyPatch) -> tuple[Part, ...]:
    """An mlp whose norm divides by zero at zero."""
    from dnac import catalogue

    kind = catalogue.get("norm", "rms")
    monkeypatch.setitem(kind.__dict__, "normalise", lambda x: x / x.square().mean(-1, keepdim=True).sqrt())
    return (Part("m", graphs.mlp(norm=form("rms"))),)


def test_a_formula_with_a_pole_at_zero_hurts_no_one(pole: tuple[Part, ...]) -> None:
    """Dead rows are zero inside a module: nothing they become may leave it."""
    graph = routed([("m", 2, pole), SKIP], steps=2)
    reference, portable = network(graph, "reference"), network(graph)
    inputs = inputs_for(graph)
    expected = reference(inputs, record=True)
    found = portable(inputs, routes=[s.ids for s in expected.record])
    wanted = gradients(reference, expected)
    assert error(found.logits, expected.logits) < 1e-10
    assert all(error(g, wanted[name]) < 1e-8 for name, g in gradients(portable, found).items())


def test_a_token_that_skips_gets_no_gradient_from_a_pole(pole: tuple[Part, ...]) -> None:
    """The stream is zero, where the module's derivative is infinite; but nobody went there."""
    graph = routed([("m", 2, pole), SKIP], steps=1)
    net = network(graph)
    with torch.no_grad():
        net.get_parameter("embed.table").zero_()
        net.get_parameter("embed.positions").zero_()
    output = net(inputs_for(graph), routes=(torch.full((2, 8, 1), 2),))
    assert all(g.isfinite().all() for g in gradients(net, output).values())

"""Analytic gradients of both lowerings against finite differences, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Part
from lowered import SKIP, ids, inputs_for, network, routed

PARTS = (
    Part("a", graphs.attention(heads=2, kv_heads=1, width=4, bias=True, positions=form("rope", base=100.0))),
    Part("m", graphs.mlp(activation=form("swiglu", hidden=3), norm=form("rms"))),
)


@pytest.mark.parametrize("lowering", ["reference", "portable"])
@pytest.mark.parametrize("combine", ["delta", "in_branch"])
@pytest.mark.parametrize("sees", ["peers", "module", "everyone", "history"])
def test_gradients_are_the_derivatives(sees: str, combine: str, lowering: str) -> None:
    graph = routed(
        [("x", 2, PARTS), SKIP],
        steps=2,
        tokens=3,
        choose=form("top", k=2),
        sees=form(sees),
        combine=form(combine),
        balance=(form("aux", weight=0.1, per="batch"), form("z", weight=0.1)),
    )
    net, inputs = network(graph, lowering), inputs_for(graph)
    routes = ids(net(inputs, record=True))
    names = [name for name, _ in net.named_parameters() if not name.startswith("lm.")]

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        output = functional_call(net, dict(zip(names, values, strict=True)), (inputs,), {"routes": routes})
        return output.logits, output.router_loss

    values = tuple(dict(net.named_parameters())[name].detach().requires_grad_() for name in names)
    assert torch.autograd.gradcheck(run, values, fast_mode=True)

"""Names, shapes and initial values do not depend on lowering, pass level, device or neighbours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import graphs
from dnac.ir.form import form
from dnac.ir.graph import ModuleSet
from dnac.lowering.network import Network
from lowered import BLOCK, MLP, SKIP, error, gradients, inputs_for, network, routed

BALANCED = {"balance": (form("load_bias", rate=0.1),)}


def test_names_and_shapes_are_those_of_the_declared_sets() -> None:
    state = Network(graphs.tiny_text(**BALANCED)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items() if "hop.1" in name or "nodes" in name} == {
        "nodes.block.attention.norm": (4, 16),
        "nodes.block.attention.qkv": (4, 16, 48),
        "nodes.block.attention.out": (4, 16, 16),
        "nodes.block.mlp.norm": (4, 16),
        "nodes.block.mlp.up": (4, 16, 64),
        "nodes.block.mlp.down": (4, 64, 16),
        "hop.1.weight": (16, 5),
        "hop.1.bias": (5,),
    }
    assert state["transformer.mlp.up"].shape == (16, 64)
    assert {"embed.table", "embed.positions", "lm.weight", "lm.norm"} <= set(state)


def test_all_lowerings_and_levels_have_the_same_state() -> None:
    graph = routed([BLOCK, ("m", 2, MLP), SKIP], norm=form("rms"), read=form("normed"), **BALANCED)
    first, *others = [
        Network(graph, lowering, level=level).state_dict()
        for lowering in ("reference", "portable")
        for level in ("O0", "O1", "O2")
    ]
    for state in others:
        assert list(state) == list(first)
        assert all(torch.equal(state[name], first[name]) for name in first)


def test_a_state_of_one_lowering_loads_in_another() -> None:
    graph = routed([BLOCK, SKIP], **BALANCED)
    reference = network(graph, "reference")
    portable = Network(graph, "portable", dtype=torch.float64, seed=9)
    portable.load_state_dict(reference.state_dict())
    inputs = inputs_for(graph)
    assert error(portable(inputs).logits, reference(inputs).logits) < 1e-10


def test_initial_values_follow_seed_and_name_alone() -> None:
    small, large = Network(graphs.tiny_text(blocks=2)), Network(graphs.tiny_text(blocks=5, steps=1, skips=2))
    name = "nodes.block.attention.qkv"
    assert torch.equal(small.state_dict()[name], large.state_dict()[name][:2])
    assert torch.equal(small.state_dict()["embed.table"], large.state_dict()["embed.table"])
    assert not torch.equal(Network(graphs.tiny_text(), seed=1).state_dict()[name][:2], small.state_dict()[name])


def test_modules_of_one_set_start_apart() -> None:
    qkv = Network(graphs.tiny_text()).state_dict()["nodes.block.attention.qkv"]
    assert not torch.equal(qkv[0], qkv[1])


def test_initial_values_are_cast_not_drawn_anew() -> None:
    name = "nodes.block.mlp.up"
    half, double = (Network(graphs.tiny_text(), dtype=t).state_dict()[name] for t in (torch.bfloat16, torch.float64))
    assert torch.equal(half, Network(graphs.tiny_text()).state_dict()[name].bfloat16())
    assert torch.equal(double, Network(graphs.tiny_text()).state_dict()[name].double())


def test_matrices_start_at_their_standard_deviation_whatever_the_stack() -> None:
    up = Network(graphs.tiny_text(blocks=8)).state_dict()["nodes.block.mlp.up"]
    assert all(abs(float(module.std()) - 0.02) < 0.003 for module in up)


def test_matrices_and_routers_decay_and_gains_do_not() -> None:
    """`ndim >= 2` would decay stacked gains."""
    net = Network(graphs.tiny_text())
    assert net.decays["nodes.block.attention.qkv"] and net.decays["hop.0.weight"] and net.decays["embed.table"]
    assert not net.decays["nodes.block.attention.norm"] and not net.decays["embed.positions"]
    assert set(net.decays) == {name for name, _ in net.named_parameters()}


def test_routers_are_known_by_name() -> None:
    net = Network(graphs.tiny_text(**BALANCED))
    assert net.routers == ("hop.0", "hop.1", "hop.2")
    assert net.router_parameters == {"hop.0.weight", "hop.1.weight", "hop.2.weight"}
    assert {name for name, _ in net.named_buffers()} == {"hop.0.bias", "hop.1.bias", "hop.2.bias"}


def test_frozen_routers_are_saved_and_do_not_train() -> None:
    net = Network(graphs.tiny_text(frozen=True))
    assert "hop.0.weight" in net.state_dict()
    assert not net.get_parameter("hop.0.weight").requires_grad


@pytest.mark.parametrize("lowering", ["reference", "portable"])
def test_a_module_without_tokens_has_a_gradient_of_zero(lowering: str) -> None:
    graph = routed([BLOCK, SKIP], steps=1)
    net = network(graph, lowering)
    found = gradients(net, net(inputs_for(graph), routes=(torch.full((2, 8, 1), 1),)))
    for name in ("pool.block.attention.qkv", "pool.block.mlp.down", "pool.block.attention.norm"):
        assert (found[name][0] == 0).all() and (found[name][2] == 0).all()
        assert (found[name][1] != 0).any()


@pytest.mark.parametrize("level", ["O0", "O2"])
def test_what_nothing_reads_has_a_gradient_of_zero_at_every_level(level: str) -> None:
    """Modules that no token can choose, and a router that a pass folded away."""
    fixed = {"choose": form("fixed", index=1), "weight": form("one"), "grad": form("none")}
    graph = routed([("m", 2, MLP), ("never", None, MLP), SKIP], **fixed)
    graph = replace(graph, modules=(*graph.modules, ModuleSet("spare", None, MLP)))
    net = network(graph, level=level)
    found = gradients(net, net(inputs_for(graph)))
    assert all((found[name] == 0).all() for name in found if "never" in name or "spare" in name or "hop" in name)
    assert (found["pool.m.mlp.up"][1] != 0).any()


def test_a_pool_may_have_the_name_of_an_attribute() -> None:
    graph = replace(routed([SKIP]), modules=(ModuleSet("training", 2, MLP), ModuleSet("pool.skip", 1, ())))
    net = Network(graph)
    assert "training.mlp.up" in net.state_dict()
    assert net.eval().training is False and net.train().training is True


def test_types_change_and_biases_stay_float32() -> None:
    net = Network(graphs.tiny_text(**BALANCED)).to(torch.bfloat16)
    assert net.get_parameter("lm.weight").dtype == torch.bfloat16
    assert net.get_buffer("hop.0.bias").dtype == torch.float32


def test_the_meta_device_counts_without_memory() -> None:
    graph = graphs.tiny_text()
    on_meta, real = Network(graph, device="meta"), Network(graph)
    assert sum(p.numel() for p in on_meta.parameters()) == sum(p.numel() for p in real.parameters())
    assert next(on_meta.parameters()).device.type == "meta"

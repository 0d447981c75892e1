"""What the plan counts without torch is what a built model holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dnac import driver
from dnac.ir.graph import Graph
from dnac.schedule.cost import Costs
from dnac.schedule.memory import weight_bytes
from dnac.schedule.outlook import outlook
from dnac.schedule.types import FP32
from lowered import inputs_for
from random_graphs import random_graph

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.dna"))


def nets() -> list[str]:
    from dnac.driver import check
    from dnac.text.files import read_source

    return [f"{path}:{net.name}" for path in SPECS for net in check(read_source(path)).nets]


@pytest.mark.parametrize("target", nets(), ids=lambda t: t.rpartition(":")[2])
def test_parameters_of_every_spec_are_the_models_own(target: str) -> None:
    spec = driver.load(target)
    network = spec.build(device="meta")
    assert sum(p.numel() for p in network.parameters()) == spec.plan()["params"]["total"]
    assert sum(b.numel() * b.element_size() for b in network.buffers()) == spec.plan()["memory_bytes"]["router_biases"]


@pytest.mark.parametrize("seed", range(12))
def test_parameters_of_random_graphs_are_the_models_own(seed: int) -> None:
    from dnac.lowering.network import Network

    graph = random_graph(seed)
    costs = Costs(graph)
    network = Network(graph, device="meta")
    assert sum(p.numel() for p in network.parameters()) == costs.total_params
    assert weight_bytes(graph, costs, FP32)["parameters"] == sum(
        p.numel() * p.element_size() for p in network.parameters()
    )


@pytest.mark.parametrize("name", ["dense_tiny_text", "dna_tiny_text", "dna_tiny_digits"])
def test_the_plan_keeps_about_what_torch_keeps(name: str) -> None:
    """Uncompiled, torch keeps a little more: norms before their gain, masks."""
    net = driver.load(Path(__file__).parents[2] / "specs" / f"{name}.dna").net
    few, many = _kept_by_torch(net.graph, 2), _kept_by_torch(net.graph, 6)
    planned = outlook(net).memory.as_json()["kept_per_sequence"]
    assert 1.0 < (many - few) / 4 / planned < 1.45


def _kept_by_torch(graph: Graph, sequences: int) -> int:
    """Bytes of all tensors that autograd keeps for the backward pass, weights not among them."""
    from dnac.lowering.network import Network

    network = Network(graph).train()
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, tuple[int, object]] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes(), storage  # held, so that its place is not used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(_single(inputs_for(graph, sequences))).logits
        logits = logits.flatten(0, -2)
        torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
    return sum(size for size, _ in kept.values())


def _single(inputs: torch.Tensor) -> torch.Tensor:
    return inputs.float() if inputs.is_floating_point() else inputs

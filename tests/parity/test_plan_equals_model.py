"""What the plan counts without torch is what a built model holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnac import driver
from dnac.schedule.cost import Costs
from dnac.schedule.memory import weight_bytes
from dnac.schedule.types import FP32
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
    assert weight_bytes(graph, costs, FP32)["parameters"] == sum(p.numel() * p.element_size() for p in network.parameters())

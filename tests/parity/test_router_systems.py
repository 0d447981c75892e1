"""Specs of routing systems, made tiny: what the file says runs alike in every lowering."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dnac
from lowered import require_equal

SPECS = Path(__file__).parents[2] / "specs"
TEXT = ("width=16", "heads=2", "input.vocabulary=32", "input.context=16")
DNA = (*TEXT, "modules=4", "depth=3")
CASES = {
    "deepseek_moe": (*TEXT, "layers=2", "hidden=8", "routed=16"),
    "hash_routing": (*TEXT, "layers=1", "experts=4"),
    "hash_routing:two_hashes": (*TEXT, "layers=1", "experts=4"),
    "frozen_routing": (*TEXT, "layers=2", "count=4"),
    "frozen_routing:random_routing": (*TEXT, "layers=2", "count=4"),
    "dna_split": ("width=16", "heads=2", "depth=3", "count=3"),
    "dna_split:dna_split_turns": ("width=16", "heads=2", "count=3"),
    "dna_shared": DNA,
    "dna_shared:with_step": DNA,
    "dna_shared:with_path": DNA,
    "dna_node_level": DNA,
    "hybrid_vision": ("width=16", "heads=2"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_tiny_one_runs_alike_in_values_and_gradients(case: str) -> None:
    name, _, net = case.partition(":")
    graph = dnac.load(SPECS / f"{name}.dna", net or name, CASES[case]).graph
    if graph.is_text:
        inputs = torch.randint(32, (2, 9), generator=torch.Generator().manual_seed(0))
    else:
        size = graph.input["size"]
        inputs = torch.rand(2, *size, graph.input["channels"], generator=torch.Generator().manual_seed(0)).double()  # type: ignore[misc]
    require_equal(graph, inputs=inputs)

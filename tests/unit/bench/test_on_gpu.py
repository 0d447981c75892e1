"""`bench` with the grouped lowering on a GPU: events, memory, the attention that torch picks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dnac
from dnac import catalogue
from dnac.bench.base import Task, Types
from dnac.bench.bench import Wanted, bench

pytestmark = pytest.mark.gpu
BARS = Path(__file__).parents[3] / "benchmarks" / "bars"
SETTINGS = ("width=128", "heads=2", "context=256", "vocabulary=512", "depth=2", "modules=4")


def test_a_gpus_figures_are_all_there():
    graph = dnac.load(BARS / "skip.dna", settings=SETTINGS).graph
    types = Types.of(catalogue.get("precision", "bf16_stream"))
    task = Task(graph, 8, torch.device("cuda"), types, compile=False, lowering="grouped")
    result = bench([task], Wanted(("dense", "floor", "naive"), skips=(0.5,), steps=4))[0]
    assert result["notes"] == []
    assert result["gemm_tflops"] > 10
    for case in result["cases"]:
        assert case["loss"] == pytest.approx(torch.tensor(512.0).log().item(), abs=0.3), case["name"]
        assert case["ms"]["median"] > 0
        assert case["peak_bytes"] > 4 * 3 * 2 * 512 * 128
    by_name = {case["name"]: case for case in result["cases"]}
    assert by_name["floor"]["peak_bytes"] < by_name["dense"]["peak_bytes"]
    assert by_name["dense"]["facts"]["attention"] in ("cudnn_attention", "flash_attention")

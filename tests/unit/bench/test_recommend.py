"""What bench runs where the user names no lowering: what the schedule chooses for this device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import benching
from benching import DNA
from dnac.bench import recommend
from dnac.bench.base import Types
from dnac.bench.device import peak_tflops
from dnac.schedule.device import of_gpu

BF16 = Types(torch.float32, torch.bfloat16, torch.float32)


@pytest.fixture(autouse=True)
def no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path))


def test_a_cpu_runs_portable_without_choices():
    found = recommend.recommended(benching.task(DNA).graph, benching.FP32, benching.CPU, 4)
    assert (found.lowering, found.choices) == ("portable", {})
    assert "CUDA" in found.why


def test_a_gpu_runs_what_the_schedule_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recommend, "device_facts", lambda device: of_gpu("NVIDIA H200", (9, 0), 150 << 30))
    found = recommend.recommended(benching.task(DNA).graph, BF16, torch.device("cuda"), 4)
    assert found.lowering == "grouped"
    assert set(found.choices) == {"attention", "product", "weight_gradient", "order"}


def test_the_peak_is_that_of_the_data_sheet_or_unknown(monkeypatch: pytest.MonkeyPatch):
    assert peak_tflops(benching.CPU, torch.bfloat16) is None
    monkeypatch.setattr("dnac.bench.device.device_facts", lambda device: of_gpu("NVIDIA H200", (9, 0), 150 << 30))
    assert peak_tflops(torch.device("cuda"), torch.bfloat16) == 989
    monkeypatch.setattr("dnac.bench.device.device_facts", lambda device: of_gpu("Some GPU", (9, 0), 150 << 30))
    assert peak_tflops(torch.device("cuda"), torch.bfloat16) is None

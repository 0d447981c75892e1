"""What a device can do at most: its name, its peak, and what a plain matrix product reaches on it."""

from __future__ import annotations

import platform
from typing import Any

import torch

from dnac.bench.clock import clock_of
from dnac.bench.recommend import device_facts
from dnac.bench.statistics import spread

SIDE, SIDE_CPU, TIMES = 8192, 512, 20


def facts(device: torch.device) -> dict[str, Any]:
    """Name, versions, threads."""
    known: dict[str, Any] = {"device": name(device), "torch": torch.__version__, "threads": torch.get_num_threads()}
    if device.type == "cuda":
        known |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return known


def name(device: torch.device) -> str:
    """As its maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def peak_tflops(device: torch.device, compute: torch.dtype) -> float | None:
    """The data sheet's figure for this type of product, or None where it is not known here."""
    if device.type != "cuda":
        return None
    peak = device_facts(device).peak.get(str(compute).removeprefix("torch."))
    return peak / 1e12 if peak else None


def gemm_tflops(device: torch.device, compute: torch.dtype) -> float:
    """What a large square product of random numbers reaches, median of twenty."""
    side = SIDE if device.type == "cuda" else SIDE_CPU
    a, b = (torch.randn(side, side, device=device, dtype=torch.float32).to(compute) for _ in range(2))
    clock = clock_of(device)
    for _ in range(3):
        torch.mm(a, b)
    marks = [clock.mark()]
    for _ in range(TIMES):
        torch.mm(a, b)
        marks.append(clock.mark())
    return 2 * side**3 / spread(clock.between(marks)).median / 1e9

"""When compiling pays, and when CUDA graphs do.

The rules know the spec and the device alone, never a clock, so that a run and its resumption are computed alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from dnac.train.settings import Settings

PASSES = 3
"""A train step computes a forward pass and a backward pass of twice its work."""
CPU_FLOPS = 3e13
"""On a CPU: about ten minutes of uncompiled work on two cores, against about one minute of compiling."""
GPU_STEPS = 300
"""On a GPU: compiling costs one to three minutes and saves at least half of each step."""


def is_worth_compiling(settings: Settings, plan: Mapping[str, Any], device: torch.device) -> bool:
    """Whether a run is long enough to pay for compiling."""
    if device.type != "cpu":
        return settings.total_steps >= GPU_STEPS
    return run_flops(settings, plan) >= CPU_FLOPS


def run_flops(settings: Settings, plan: Mapping[str, Any]) -> float:
    """FLOPs of the whole run, forward and backward."""
    return PASSES * plan["flops_per_token"]["expected"] * settings.tokens_per_step * settings.total_steps


GRAPH_FLOPS = 1e13
"""Of a train step: up to here a large GPU computes for some 25 ms, and a host takes about as long to launch it all."""


def is_worth_recording(plan: Mapping[str, Any], tokens: int) -> bool:
    """Whether a compiled train step of so many tokens is short enough to gain from CUDA graphs, on a GPU."""
    return PASSES * plan["flops_per_token"]["expected"] * tokens <= GRAPH_FLOPS


def is_recorded(
    asked: bool | None, hindrance: str, plan: Callable[[], Mapping[str, Any]], tokens: int, note: Callable[[str], None]
) -> bool:
    """Whether compiled train steps of so many tokens are replayed as CUDA graphs: as asked, else where they are small.

    hindrance: what `why_not_recorded` says; noted where they were asked for.
    """
    if not hindrance:
        return is_worth_recording(plan(), tokens) if asked is None else asked
    if asked:
        note(f"no CUDA graphs: {hindrance}")
    return False


def why_not_recorded(accumulate: int, device: torch.device, compile_by: str) -> str:
    """What keeps a compiled run from CUDA graphs, in words; empty if nothing does."""
    if device.type != "cuda":
        return f"CUDA graphs run on a GPU, not on {device.type}"
    if compile_by != "whole":
        return "programs compiled by steps are too many to be CUDA graphs"
    if accumulate > 1:
        return "gradients of several micro-batches are summed outside of a CUDA graph, which overwrites them"
    return ""

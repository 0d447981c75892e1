"""Compiled programs that a GPU replays as CUDA graphs.

A GPU computes the kernels of a small step faster than the host can launch them one by one. A CUDA graph holds all
kernels of a program and is launched at once. The compiler records one for the forward and one for the backward pass;
inputs and weights are copied to where the recording reads them, and numbers are those of the kernels launched one by
one. What a program gives lies in memory that its next run overwrites.
"""

from __future__ import annotations

OPTIONS = {"triton.cudagraphs": True}
"""For `torch.compile`."""


def options(compiler: dict[str, object], *, cuda_graphs: bool) -> dict[str, object] | None:
    """Options of `torch.compile`: those that a lowering wants, with CUDA graphs or without."""
    return {**compiler, **(OPTIONS if cuda_graphs else {})} or None


def not_recorded() -> int:
    """How many programs of this process the compiler was to record and did not; it goes on without."""
    from torch._dynamo.utils import counters

    return counters["inductor"]["cudagraph_skips"]

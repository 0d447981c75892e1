"""Two train steps on real data, into no folder: what would run, what it costs."""

from __future__ import annotations

import resource
import sys
import time
from itertools import islice
from typing import Any

import torch

from dnac.train.events import Listener
from dnac.train.loop import train_step
from dnac.train.prepare import Prepared
from dnac.train.start import build_session, decide_compile, decide_cuda_graphs, pick_device
from dnac.train.way import way_of

STEPS = 2


def dry_run(prepared: Prepared, listener: Listener) -> dict[str, Any]:
    """Facts about the run that would be; nothing is written.

    Raises:
        Faults: as training would.
    """
    settings, is_compiled = prepared.settings, decide_compile(prepared)
    way = way_of(prepared, pick_device(prepared.options.device))
    session = build_session(prepared, listener, way, is_compiled=is_compiled)
    training = session.training
    losses, seconds = [], 0.0
    for batch in islice(prepared.dataset.batches(settings.batch, settings.data_seed), STEPS):
        begin = time.perf_counter()
        losses.append(train_step(training, batch).loss)
        seconds = time.perf_counter() - begin
    return {
        "net": prepared.checked.name,
        "params": sum(p.numel() for p in training.network.parameters()),
        "steps": settings.total_steps,
        "batch": settings.batch,
        "tokens_per_step": settings.tokens_per_step,
        "device": str(training.device),
        "lowering": way.lowering,
        "compile": is_compiled,
        "cuda_graphs": is_compiled and decide_cuda_graphs(prepared),
        "precision": settings.train.precision.name,
        "data": f"{prepared.dataset.card.name}: {prepared.dataset.card.size}",
        "valid": f"{prepared.valid.card.name}: {prepared.valid.card.size}",
        "out": str(prepared.out),
        "losses": losses,
        "peak_bytes": peak_bytes(training.device),
        "seconds_per_step": seconds,
        "seconds": seconds * settings.total_steps,
    }


def peak_bytes(device: torch.device) -> int:
    """The most memory used so far: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

"""Time and memory of a device: marks between pieces of work, and milliseconds between the marks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch


class Clock(Protocol):
    """`between(marks)` waits for the device, so that `mark` never does."""

    def mark(self) -> Any:
        """This moment, in the order of the device's work."""
        ...

    def between(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds between neighbours."""
        ...


class CudaClock:
    """CUDA events: what the device took, whatever the host did meanwhile."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def mark(self) -> Any:
        """An event in the device's queue."""
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def between(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds between neighbours."""
        torch.cuda.synchronize(self.device)
        return [a.elapsed_time(b) for a, b in pairwise(marks)]


class WallClock:
    """The processor's own clock."""

    def mark(self) -> Any:
        """Seconds."""
        return time.perf_counter()

    def between(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds between neighbours."""
        return [(b - a) * 1e3 for a, b in pairwise(marks)]


def clock_of(device: torch.device) -> Clock:
    """The clock that measures a device."""
    return CudaClock(device) if device.type == "cuda" else WallClock()


def wait(device: torch.device) -> None:
    """Until the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Peak:
    """Most bytes that the device held within `with`, beyond those held at its start; None off the GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.bytes = device, None

    bytes: int | None

    def __enter__(self) -> Peak:
        wait(self.device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
        return self

    def __exit__(self, *error: object) -> None:
        wait(self.device)
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self._before

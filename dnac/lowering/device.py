"""The facts of a device of this machine, as the schedule's candidates ask for them."""

from __future__ import annotations

from functools import lru_cache

import torch

from dnac.schedule.device import DeviceFacts, of_gpu, this_cpu


def present(device: torch.device) -> DeviceFacts:
    """The facts of a device of this machine."""
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        return of_gpu(found.name, (found.major, found.minor), found.total_memory)
    return this_cpu() if device.type == "cpu" else DeviceFacts(device.type, device.type)


def is_at_hand(values: torch.Tensor) -> bool:
    """Whether shapes may depend on values: on a CPU, where nothing is compiled."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[n] numbers that never change; made once in a process where nothing is compiled.

    A compiled program computes them on the device. A list would be sent there in each call, and on a GPU the host
    would wait until all work before it is done.
    """
    return (_computed if torch.compiler.is_compiling() else _kept)(values, dtype, device)


@lru_cache(maxsize=4096)
def _kept(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):  # else no later call could train with it
        return torch.tensor(values, dtype=dtype, device=device)


def _computed(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    pieces = _pieces(values)
    if not pieces or len(pieces) > MOST_PIECES:
        return torch.tensor(values, dtype=dtype, device=device)
    place = torch.arange(len(values), device=device)
    wide = torch.int64 if all(isinstance(value, int) for value in values) else torch.float64
    made = torch.zeros(len(values), dtype=wide, device=device)
    for start, first, step in pieces:
        made = torch.where(place >= start, first + (place - start).to(wide) * step, made)
    return made.to(dtype)


MOST_PIECES = 64
"""Beyond this, one copy is shorter than the program that computes the list."""


def _pieces(values: tuple[float, ...]) -> list[tuple[int, float, float]]:
    """(where it starts, its first number, by how much each is larger than the one before): runs of three and more,
    or of equal numbers; others stand alone.
    """
    pieces: list[tuple[int, float, float]] = []
    start = 0
    while start < len(values):
        step = values[start + 1] - values[start] if start + 1 < len(values) else 0
        end = start + 1
        while end < len(values) and values[end] - values[end - 1] == step and (step == 0 or isinstance(step, int)):
            end += 1
        if step and end - start < 3:
            step, end = 0, start + 1
        pieces.append((start, values[start], step))
        start = end
    return pieces


def sent(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The same values on `device` (and in `dtype`), by pinned memory: the host does not wait for work queued there."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device, dtype)
    return tensor.pin_memory().to(device, dtype, non_blocking=True)

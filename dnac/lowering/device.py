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
    """[n] numbers that never change; made once in a process where nothing is compiled."""
    return (_made if torch.compiler.is_compiling() else _kept)(values, dtype, device)


def _made(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


@lru_cache(maxsize=4096)
def _kept(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):  # else no later call could train with it
        return _made(values, dtype, device)


def sent(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The same values on `device` (and in `dtype`), by pinned memory: the host does not wait for work queued there."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device, dtype)
    return tensor.pin_memory().to(device, dtype, non_blocking=True)

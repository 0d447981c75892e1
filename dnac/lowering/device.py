"""The facts of a device of this machine, as the schedule's candidates ask for them."""

from __future__ import annotations

import torch

from dnac.schedule.device import DeviceFacts, of_gpu, this_cpu


def present(device: torch.device) -> DeviceFacts:
    """The facts of a device of this machine."""
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        return of_gpu(found.name, (found.major, found.minor), found.total_memory)
    return this_cpu() if device.type == "cpu" else DeviceFacts(device.type, device.type)


def sent(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The same values on `device` (and in `dtype`), by pinned memory: the host does not wait for work queued there."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device, dtype)
    return tensor.pin_memory().to(device, dtype, non_blocking=True)

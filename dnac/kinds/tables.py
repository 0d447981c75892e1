"""Numbers of the language on a device, in a way that never makes the host wait."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def table(values: tuple[int, ...], device: torch.device) -> Tensor:
    """[n] int64 that never change; kept where nothing is compiled, so that they are sent to a device once."""
    import torch

    return torch.tensor(values, device=device) if torch.compiler.is_compiling() else _kept(values, device)


def number(turn: Tensor | int, device: torch.device) -> Tensor:
    """A number as a scalar int64 that the device makes itself."""
    import torch

    return torch.full((), turn, device=device) if isinstance(turn, int) else turn


@lru_cache(maxsize=1024)
def _kept(values: tuple[int, ...], device: torch.device) -> Tensor:
    import torch

    with torch.inference_mode(False):  # else no later call could train with it
        return torch.tensor(values, device=device)

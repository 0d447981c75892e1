"""`zeros`: every value 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import InitKind, NoParams

if TYPE_CHECKING:
    from torch import Generator, Tensor


def draw(params: NoParams, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Float32 on the CPU; draws nothing."""
    import torch

    return torch.zeros(shape, dtype=torch.float32)


KIND = InitKind(name="zeros", summary="Every value 0.", draw=draw)

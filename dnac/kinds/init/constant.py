"""`constant(value)`: every value the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import InitKind, Params

if TYPE_CHECKING:
    from torch import Generator, Tensor


class ConstantParams(Params):
    """Arguments of `constant`."""

    value: float
    """The value."""


def draw(params: ConstantParams, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Float32 on the CPU; draws nothing."""
    import torch

    return torch.full(shape, params.value, dtype=torch.float32)


KIND = InitKind(name="constant", summary="Every value the same.", Params=ConstantParams, draw=draw)

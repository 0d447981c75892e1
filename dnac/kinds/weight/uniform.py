"""`uniform`: 1 / k for every chosen module; an empty slot does not raise the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    return valid.to(gates.dtype) / valid.shape[-1]


KIND = WeightKind(
    name="uniform",
    summary="1 / k for every chosen module; an empty slot does not raise the others.",
    weigh=weigh,
    by_slots=True,
    trains_router=lambda k: False,
)

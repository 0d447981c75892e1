"""`one`: 1 for every chosen module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    return valid.to(gates.dtype)


KIND = WeightKind(
    name="one",
    summary="1 for every chosen module.",
    weigh=weigh,
    trains_router=lambda k: False,
)

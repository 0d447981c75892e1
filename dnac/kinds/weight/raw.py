"""`raw`: the gate itself, not renormalised (DNA eq. 1, arXiv 2506.22389; Switch)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    return gates.masked_fill(~valid, 0.0)


KIND = WeightKind(
    name="raw",
    summary="The gate itself, not renormalised (DNA eq. 1, arXiv 2506.22389; Switch).",
    weigh=weigh,
    trains_router=lambda k: True,
)

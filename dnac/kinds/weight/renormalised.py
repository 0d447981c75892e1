"""`renormalised`: the gate over the sum of the chosen gates, identities included (Mixtral, arXiv 2401.04088)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    chosen = gates.masked_fill(~valid, 0.0)
    total = chosen.sum(-1, keepdim=True)
    return chosen / total.masked_fill(total == 0, 1.0)  # all gates 0: all weights 0


KIND = WeightKind(
    name="renormalised",
    summary="The gate over the sum of the chosen gates, identities included (Mixtral, arXiv 2401.04088).",
    weigh=weigh,
    trains_router=lambda k: k > 1,
)

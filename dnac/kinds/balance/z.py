"""`z(weight)`: weight * mean over tokens of (logsumexp_i z_i)^2 (ST-MoE, arXiv 2202.08906, eq. 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import BalanceKind, Params, Real
from dnac.kinds.present import mean_over_present

if TYPE_CHECKING:
    from torch import Tensor


class ZParams(Params):
    """Arguments of `z`."""

    weight: Real
    """Factor of the loss."""


def loss(params: ZParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Scores [B, T, M], before the temperature, to a scalar."""
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * mean_over_present(scores.logsumexp(-1).square(), ids)


KIND = BalanceKind(
    name="z",
    summary="Adds weight * mean (logsumexp z)^2 to the loss (ST-MoE, arXiv 2202.08906, eq. 5).",
    Params=ZParams,
    loss=loss,
)

"""`delta`: h + sum_i w_i (M_i(h) - h) (DNA, arXiv 2506.22389, eq. 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import CombineKind

if TYPE_CHECKING:
    from torch import Tensor


def scales(weights: Tensor, k: int | Tensor) -> tuple[None, Tensor]:
    """Nothing inside; the whole increment by its weight."""
    return None, weights


KIND = CombineKind(
    name="delta",
    summary="h + sum_i w_i (M_i(h) - h): the weight scales the whole increment (arXiv 2506.22389, eq. 1).",
    scales=scales,
)

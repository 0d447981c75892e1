"""`rms`: x / sqrt(mean(x^2) + 1e-5) over the width, times a gain (Zhang & Sennrich, arXiv 1910.07467)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NormKind

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-5


def normalise(x: Tensor) -> Tensor:
    """Over the last axis, in the wider of float32 and x's own type."""
    import torch

    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)).to(x.dtype)


KIND = NormKind(
    name="rms",
    summary="x / sqrt(mean(x^2) + 1e-5), times a gain; no bias (Zhang & Sennrich, arXiv 1910.07467).",
    normalise=normalise,
)

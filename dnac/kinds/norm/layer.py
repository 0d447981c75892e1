"""`layer`: (x - mean) / sqrt(variance + 1e-5) over the width, times a gain (Ba et al., arXiv 1607.06450)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NormKind

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-5


def normalise(x: Tensor) -> Tensor:
    """Over the last axis, in the wider of float32 and x's own type; the variance is the biased one."""
    import torch

    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return torch.nn.functional.layer_norm(wide, wide.shape[-1:], eps=EPSILON).to(x.dtype)


KIND = NormKind(
    name="layer",
    summary="(x - mean) / sqrt(variance + 1e-5), times a gain; no bias (Ba et al., arXiv 1607.06450).",
    normalise=normalise,
)

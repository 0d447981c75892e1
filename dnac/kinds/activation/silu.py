"""`silu`: x * sigmoid(x), also called swish (Elfwing et al., arXiv 1702.03118)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.activation import HiddenParams
from dnac.kinds.base import ActivationKind

if TYPE_CHECKING:
    from torch import Tensor


def activate(x: Tensor) -> Tensor:
    """Elementwise."""
    from torch.nn import functional

    return functional.silu(x)


KIND = ActivationKind(
    name="silu",
    summary="x * sigmoid(x), also called swish (Elfwing et al., arXiv 1702.03118).",
    Params=HiddenParams,
    activate=activate,
    is_gated=False,
)

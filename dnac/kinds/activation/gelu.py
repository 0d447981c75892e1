"""`gelu`: The tanh form of GELU, as in GPT-2 and the DNA authors' code (Hendrycks & Gimpel, arXiv 1606.08415)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.activation import HiddenParams
from dnac.kinds.base import ActivationKind

if TYPE_CHECKING:
    from torch import Tensor


def activate(x: Tensor) -> Tensor:
    """Elementwise."""
    from torch.nn import functional

    return functional.gelu(x, approximate="tanh")


KIND = ActivationKind(
    name="gelu",
    summary="The tanh form of GELU, as in GPT-2 and the DNA authors' code (Hendrycks & Gimpel, arXiv 1606.08415).",
    Params=HiddenParams,
    activate=activate,
    is_gated=False,
)

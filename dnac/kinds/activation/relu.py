"""`relu`: max(x, 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.activation import HiddenParams
from dnac.kinds.base import ActivationKind

if TYPE_CHECKING:
    from torch import Tensor


def activate(x: Tensor) -> Tensor:
    """Elementwise."""
    from torch.nn import functional

    return functional.relu(x)


KIND = ActivationKind(
    name="relu",
    summary="max(x, 0).",
    Params=HiddenParams,
    activate=activate,
    is_gated=False,
)

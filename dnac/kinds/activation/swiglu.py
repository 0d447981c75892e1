"""`swiglu`: silu(gate) * up: two up-projections in one (Shazeer, arXiv 2002.05202)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.activation import HiddenParams
from dnac.kinds.base import ActivationKind

if TYPE_CHECKING:
    from torch import Tensor


def activate(x: Tensor) -> Tensor:
    """[..., 2 hidden], gate half first, to [..., hidden]."""
    from torch.nn import functional

    gate, up = x.chunk(2, dim=-1)
    return functional.silu(gate) * up


KIND = ActivationKind(
    name="swiglu",
    summary="silu(gate) * up: two up-projections in one (Shazeer, arXiv 2002.05202).",
    Params=HiddenParams,
    activate=activate,
    is_gated=True,
)

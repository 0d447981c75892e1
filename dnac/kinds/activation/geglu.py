"""`geglu`: gelu(gate) * up, GELU in its tanh form (Shazeer, arXiv 2002.05202)."""

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
    return functional.gelu(gate, approximate="tanh") * up


KIND = ActivationKind(
    name="geglu",
    summary="gelu(gate) * up, GELU in its tanh form (Shazeer, arXiv 2002.05202).",
    Params=HiddenParams,
    activate=activate,
    is_gated=True,
)

"""`rope(base)`: queries and keys turn with their position (Su et al., RoFormer, arXiv 2104.09864).

Position is the position in the sequence, never the rank among routed peers. Halves are paired
(i with i + E/2), as in Llama and GPT-NeoX: a checkpoint of those models loads as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Params, PositionsKind

if TYPE_CHECKING:
    from torch import Tensor


class RopeParams(Params):
    """Arguments of `rope`."""

    base: float = Field(default=10000.0, gt=1)
    """Longest wavelength, in units of 2 pi tokens."""


def angles(form: Form, width: int, positions: Tensor) -> Tensor:
    """t * base^(-2i/E) for positions t [...], i from 0 to E / 2 - 1: [..., E / 2], in float32 or wider."""
    import torch

    dtype = torch.promote_types(positions.dtype, torch.float32)
    even = torch.arange(0, width, 2, dtype=dtype, device=positions.device)
    return positions[..., None].to(dtype) * torch.pow(float(str(form["base"])), -even / width)


KIND = PositionsKind(
    name="rope",
    summary="Queries and keys turn with their position in the sequence (RoFormer, arXiv 2104.09864).",
    Params=RopeParams,
    angles=angles,
)

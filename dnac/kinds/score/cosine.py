"""`cosine`: z_i = cos(h, w_i), the angle between the stream and a vector per candidate (X-MoE, arXiv 2204.09179).

Neither the length of the stream nor that of a vector counts, so no candidate wins by growing. Scores lie in
[-1, 1]: say how sharp the gate is by the router's `tau` (X-MoE starts at 0.07). Without X-MoE's projection to
fewer dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dnac.ir.form import Form
from dnac.kinds.base import From, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL

if TYPE_CHECKING:
    from torch import Tensor


class CosineScoreParams(Params):
    """Arguments of `cosine` as a score."""

    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the vectors; only their directions matter."""


def weights(params: CosineScoreParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`weight` [D, M]: a column per candidate. It does not decay, since its length means nothing."""
    return (WeightSpec("weight", (width, size), params.init, decays=False),)


def scores(params: CosineScoreParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, M] in [-1, 1], in the wider of float32 and the view's type."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    normalize = torch.nn.functional.normalize
    return ops.linear(normalize(view.to(dtype), dim=-1), normalize(weights["weight"].to(dtype), dim=0))


KIND = ScoreKind(
    name="cosine",
    summary="The cosine between the stream and a vector per candidate (X-MoE, arXiv 2204.09179).",
    Params=CosineScoreParams,
    weights=weights,
    scores=scores,
    flops=lambda params, width, size: 2.0 * width * size,
)

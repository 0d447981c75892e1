"""`normal(std)`: while training, normal noise on the scores: noisy top-k gating (arXiv 1701.06538, eq. 4).

    H(x)_i = (x W)_i + N(0, 1) softplus((x V)_i)        V [D, M] is learned and starts at zero
    H(x)_i = (x W)_i + N(0, 1) std                      with a number

One number per token and candidate, drawn afresh. Gates, choices and losses see H; while evaluating there is no noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dnac.kinds.base import Params, RouterOps, WeightSpec
from dnac.kinds.noises import NoiseKind
from dnac.kinds.params import ZEROS

if TYPE_CHECKING:
    from torch import Tensor


class NormalParams(Params):
    """Arguments of `normal`."""

    std: Annotated[float, Field(gt=0)] | Literal["learned"] = "learned"
    """Its standard deviation, in units of the scores; `learned`: for each token and candidate, from what is read."""


def weights(params: NormalParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """What makes the standard deviation of what is read."""
    return (WeightSpec("weight", (width, size), ZEROS, decays=True),) if params.std == "learned" else ()


def shake(params: NormalParams, weights: Any, view: Tensor, scores: Tensor, ops: RouterOps) -> tuple[Tensor, Tensor]:
    """The noisy scores and the standard deviation, [B, T, M]; from two uniform draws (Box and Muller)."""
    import torch

    size = scores.shape[-1]
    u = ops.uniform(2 * size, "normal")
    drawn = (-2.0 * u[..., :size].log()).sqrt() * (2.0 * math.pi * u[..., size:]).cos()
    if params.std == "learned":
        std = torch.nn.functional.softplus(ops.linear(view, weights["weight"]))
    else:
        std = torch.full_like(scores, float(params.std))
    return scores + drawn.to(scores.dtype) * std, std


KIND = NoiseKind(
    name="normal",
    summary="While training, normal noise on the scores, its size learned: noisy top-k (arXiv 1701.06538, eq. 4).",
    Params=NormalParams,
    weights=weights,
    shake=shake,
)

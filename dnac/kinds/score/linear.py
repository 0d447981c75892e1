"""`linear`: z = h W, W [D, M], no bias (DNA, arXiv 2506.22389, section 2.2; Switch, arXiv 2101.03961)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dnac.ir.form import Form
from dnac.kinds.base import From, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL

if TYPE_CHECKING:
    from torch import Tensor


class LinearParams(Params):
    """Arguments of `linear`."""

    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of W."""


def weights(params: LinearParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`weight` [D, M]."""
    return (WeightSpec("weight", (width, size), params.init, decays=True),)


def scores(params: LinearParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, M], in the wider of float32 and the view's type."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    return ops.linear(view.to(dtype), weights["weight"].to(dtype))


KIND = ScoreKind(
    name="linear",
    summary="z = h W without bias (DNA, arXiv 2506.22389, section 2.2).",
    Params=LinearParams,
    weights=weights,
    scores=scores,
    flops=lambda params, width, size: 2.0 * width * size,
)

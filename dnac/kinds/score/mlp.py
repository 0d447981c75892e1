"""`mlp(hidden)`: z = gelu(h Wup) Wdown, without biases (a small net as in Radial Networks, arXiv 2404.04900)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import From, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL, SizeUnit

if TYPE_CHECKING:
    from torch import Tensor


class MlpScoreParams(Params):
    """Arguments of `mlp` as a score."""

    hidden: Annotated[int, SizeUnit(), Field(gt=0)]
    """Units between the two layers."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of both matrices."""


def weights(params: MlpScoreParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`up` [D, hidden], `down` [hidden, M]."""
    return (
        WeightSpec("up", (width, params.hidden), params.init, decays=True),
        WeightSpec("down", (params.hidden, size), params.init, decays=True),
    )


def scores(params: MlpScoreParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, M], in the wider of float32 and the view's type."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    inner = torch.nn.functional.gelu(ops.linear(view.to(dtype), weights["up"].to(dtype)), approximate="tanh")
    return ops.linear(inner, weights["down"].to(dtype))


KIND = ScoreKind(
    name="mlp",
    summary="z = gelu(h Wup) Wdown, without biases (a small net, as in Radial Networks, arXiv 2404.04900).",
    Params=MlpScoreParams,
    weights=weights,
    scores=scores,
    flops=lambda params, width, size: 2.0 * params.hidden * (width + size),
)

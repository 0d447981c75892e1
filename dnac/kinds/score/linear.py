"""`linear`: z = h W, W [D, M], no bias (DNA, arXiv 2506.22389, section 2.2; Switch, arXiv 2101.03961).

`linear(per = last)` has one matrix for each module that the token may have left, and a last one for its first
step: W [M + 1, D, M]. With a router declared outside the repeat that is a router per node of the graph of
modules, which the DNA paper leaves for later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from dnac.ir.form import Form
from dnac.kinds.base import From, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL

if TYPE_CHECKING:
    from torch import Tensor


class LinearParams(Params):
    """Arguments of `linear`."""

    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of W."""
    per: Literal["last"] | None = None
    """`last`: one matrix for each module that a token may have left. Unsaid: one for all tokens."""


def weights(params: LinearParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`weight` [D, M], or [M + 1, D, M]."""
    stack = (size + 1,) if params.per == "last" else ()
    return (WeightSpec("weight", (*stack, width, size), params.init, decays=True),)


def scores(params: LinearParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, M], in the wider of float32 and the view's type."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    weight = weights["weight"].to(dtype)
    if params.per == "last":
        return ops.linear_by(view.to(dtype), weight, ops.last())
    return ops.linear(view.to(dtype), weight)


KIND = ScoreKind(
    name="linear",
    summary="z = h W without bias (DNA, arXiv 2506.22389, section 2.2).",
    Params=LinearParams,
    weights=weights,
    scores=scores,
    flops=lambda params, width, size: 2.0 * width * size,
    carries=lambda params: ("last",) if params.per == "last" else (),
)

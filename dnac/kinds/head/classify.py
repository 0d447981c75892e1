"""`classify`: one vector per image, and from it a logit per class.

logits = pool_t(norm(h[t])) W, with W [D, classes].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, HeadKind, Ops, Params, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ONES, ZEROS
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class ClassifyParams(Params):
    """Arguments of `classify`."""

    pool: Literal["mean", "class_token"] = "mean"
    """The mean over all tokens, or the class token alone."""
    norm: Annotated[Form, From("norm")] = Form("none")
    """Norm of each token before pooling."""
    bias: bool = False
    """Whether a bias is added to the logits."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the matrix."""


def check(params: ClassifyParams, embed: Form) -> Iterator[Fault]:
    """A class token must exist to be read."""
    if params.pool == "class_token" and embed.get("class_token") is not True:
        yield Fault("pool", "the embed has no class token", "write `class_token = true` in the embed")


def weights(params: ClassifyParams, width: int, outputs: int) -> tuple[WeightSpec, ...]:
    """`norm` [D], `weight` [D, classes], `bias` [classes]."""
    word("norm", params.norm)
    wanted = {"norm": params.norm.name != "none", "weight": True, "bias": params.bias}
    specs = (
        WeightSpec("norm", (width,), ONES, decays=False),
        WeightSpec("weight", (width, outputs), params.init, decays=True),
        WeightSpec("bias", (outputs,), ZEROS, decays=False),
    )
    return tuple(spec for spec in specs if wanted[spec.name])


def forward(params: ClassifyParams, weights: Weights, x: Tensor, ops: Ops, table: Tensor | None) -> Tensor:
    """[B, T, D] to logits [B, classes]."""
    normed = ops.norm(x, params.norm, weights.get("norm"))
    pooled = normed.mean(1) if params.pool == "mean" else normed[:, 0]
    return ops.linear(pooled, weights["weight"], weights.get("bias"))


KIND = HeadKind(
    name="classify",
    summary="A logit per class from the mean of all tokens, or from the class token (arXiv 2010.11929).",
    Params=ClassifyParams,
    accepts="image",
    check=check,
    weights=weights,
    forward=forward,
    flops=lambda params, width, outputs, tokens: 2.0 * width * outputs / tokens,
)

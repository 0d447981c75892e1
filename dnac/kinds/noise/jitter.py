"""`jitter(share)`: while training, the router reads h times a number in [1 - share, 1 + share].

One number per token and feature, drawn afresh (Switch, arXiv 2101.03961, appendix; modules read h
without it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.kinds.base import Params, RouterOps
from dnac.kinds.noises import NoiseKind
from dnac.kinds.params import ShareUnit

if TYPE_CHECKING:
    from torch import Tensor


class JitterParams(Params):
    """Arguments of `jitter`."""

    share: Annotated[float, ShareUnit("each value that the router reads"), Field(gt=0, lt=1)]
    """How far a value may be moved."""


def perturb(params: JitterParams, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to the same, each value times 1 + share (2u - 1)."""
    factor = 1.0 + params.share * (2.0 * ops.uniform(view.shape[-1], "jitter") - 1.0)
    return view * factor.to(view.dtype)


KIND = NoiseKind(
    name="jitter",
    summary="While training, what the router reads times a number in 1 +- share (Switch, arXiv 2101.03961).",
    Params=JitterParams,
    perturb=perturb,
)

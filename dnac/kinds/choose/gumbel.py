"""`gumbel(k)`: while training the k largest of gates made from scores + Gumbel noise; at evaluation of the gates.

z + G with G = -log(-log u) goes through temperature and gate, so that with `softmax`, `weight = one` and
`grad = ste` this is the straight-through Gumbel-softmax (arXiv 1611.01144): forward one choice, backward the soft one.
`tau` is usually a schedule. One u for each (routing seed, train step, router, sample, position, candidate).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import ChooseKind, Params, RouterOps
from dnac.kinds.choose.top import choosable, enough, largest

if TYPE_CHECKING:
    from torch import Tensor


class GumbelParams(Params):
    """Arguments of `gumbel`."""

    k: int = Field(default=1, gt=0)
    """How many candidates each token chooses."""


def perturb(params: GumbelParams, scores: Tensor, ops: RouterOps) -> Tensor:
    """Scores [B, T, M] with noise while training."""
    return scores + noise(scores, ops) if ops.training else scores


def noise(like: Tensor, ops: RouterOps) -> Tensor:
    """Gumbel noise [B, T, M] in the type of `like`."""
    u = ops.uniform(ops.candidates, "gumbel").clamp(min=1e-20)
    return -(-u.log()).log().to(like.dtype)


def choose(params: GumbelParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, K], best first; -1 where no candidate is left."""
    return largest(choosable(selection), params.k)


KIND = ChooseKind(
    name="gumbel",
    summary="The k largest under Gumbel noise while training, the k largest at evaluation (arXiv 1611.01144).",
    Params=GumbelParams,
    k=lambda params, size: params.k,
    choose=choose,
    perturb=perturb,
    check=lambda params, size: enough(params.k, size),
)

"""`agreement(head, loss)`: a classifier that foretells whether the head's best output here is that of the whole net.

    z = h W + b        chance: sigmoid(z)

CALM's trained classifier (Schuster et al., arXiv 2207.07061, section 3.5): `loss` times the mean over tokens of the
binary cross-entropy of z and whether the best output of `head` at this step is the best output at the end. It is added
while training; no gradient passes to the stream, so the net is as without it, but for `clip`: the classifier's gradient
counts in the norm by which all are clipped, so `loss` is small. While generating no head is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.kinds.base import Fault, HeadName, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ZEROS

if TYPE_CHECKING:
    from torch import Tensor


class AgreementParams(Params):
    """Arguments of `agreement`."""

    head: Annotated[str, HeadName()]
    """The head whose best output is compared, here and at the end."""
    loss: Annotated[float, Field(gt=0)] = 0.01
    """Factor of its loss: it trains this classifier alone, but counts in the norm that `clip` looks at."""


def check(params: AgreementParams, size: int) -> Iterator[Fault]:
    """One candidate, since it says nothing of which one."""
    if size > 1:
        help_ = (
            f"write `halt by {{ score = agreement({params.head}); choose = threshold(0.9); when = eval }}` in a loop"
        )
        yield Fault(
            "head", f"it says whether a token leaves, and nothing of which of {size} candidates it takes", help_
        )


def weights(params: AgreementParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`weight` [D, 1] and `offset` [1]."""
    return (
        WeightSpec("weight", (width, size), NORMAL, decays=True),
        WeightSpec("offset", (size,), ZEROS, decays=False),
    )


def scores(params: AgreementParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to the logit [B, T, 1], in the wider of float32 and the view's type."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    return ops.linear(view.detach().to(dtype), weights["weight"].to(dtype)) + weights["offset"].to(dtype)


KIND = ScoreKind(
    name="agreement",
    summary="For `halt by`: how likely the head says here what it says at the end (CALM, arXiv 2207.07061).",
    Params=AgreementParams,
    check=check,
    weights=weights,
    scores=scores,
    flops=lambda params, width, size: 2.0 * width * size,
    head=lambda params: params.head,
    foretells=lambda params: params.loss,
)

"""`channel(scale, shift)`: scale * h_0 - shift, the first channel of the stream itself, for a halting step.

It has no weights: what stood in the channel learns to say when the token is done (A-ViT, arXiv 2112.07658,
eq. 2, with scale 10 and shift 30 for a pretrained DeiT-T). The gradient reaches the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import Fault, Params, RouterOps, ScoreKind, Weights

if TYPE_CHECKING:
    from torch import Tensor


class ChannelParams(Params):
    """Arguments of `channel`."""

    scale: float = Field(default=1.0, gt=0)
    """What multiplies the channel."""
    shift: float = 0.0
    """What is taken off: larger, and tokens stay longer."""


def check(params: ChannelParams, size: int) -> Iterator[Fault]:
    """One number cannot tell candidates apart."""
    if size > 1:
        yield Fault("", f"one channel gives one score, and there are {size} candidates", "use it in a `halt by`")


def scores(params: ChannelParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, 1]."""
    return params.scale * view[..., :1] - params.shift


KIND = ScoreKind(
    name="channel",
    summary="For `halt by`: scale * the first channel of the stream - shift, no weights (A-ViT, arXiv 2112.07658).",
    Params=ChannelParams,
    scores=scores,
    check=check,
)

"""`saturation`: how little the stream still changes: its cosine with that at the halting step before, not below 0.

CALM's second measure of confidence (arXiv 2207.07061, section 3.5): it asks no head, so it costs next to nothing. At
the first halting step of a loop there is nothing to compare with, and it is 0. No gradient passes, and there is
nothing to learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NoParams, RouterOps, ScoreKind, Weights

if TYPE_CHECKING:
    from torch import Tensor


def scores(params: NoParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, D] to [B, T, 1] in [0, 1]."""
    import torch

    before = ops.before()
    if before is None:
        return torch.zeros_like(view[..., :1])
    alike = torch.nn.functional.cosine_similarity(view.detach(), before.to(view.dtype), dim=-1)
    return alike.clamp(min=0)[..., None]


KIND = ScoreKind(
    name="saturation",
    summary="For `halt by`: the cosine of the stream with that at the halting step before (CALM, arXiv 2207.07061).",
    Params=NoParams,
    scores=scores,
    learns=lambda params: False,
    is_chance=True,
    sees_before=True,
)

"""`sequence`: one decision for a sequence or image, by the mean of its tokens' scores (as SkipNet, arXiv 1711.09485).

Scores are averaged behind the start and in front of the temperature; with a linear score that is the score of the mean.
Every token sees the others through it, later ones too, so a text net must say `assert not_causal(label)`. Tokens
that have left do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NoParams
from dnac.kinds.present import mean_scores
from dnac.kinds.scopes import ScopeKind

if TYPE_CHECKING:
    from torch import Tensor


def pool(params: NoParams, scores: Tensor, here: Tensor | None) -> Tensor:
    """[B, T, M] to the mean over T."""
    return mean_scores(scores, here, (1,))


KIND = ScopeKind(
    name="sequence",
    summary="One decision for a sequence or image, by the mean score of its tokens (SkipNet, arXiv 1711.09485).",
    pool=pool,
    is_causal=False,
)

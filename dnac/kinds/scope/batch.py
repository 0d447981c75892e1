"""`batch`: one decision for all tokens of a micro-batch, by the mean of their scores.

What a sequence gets then depends on its company: neither causal nor row-independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NoParams
from dnac.kinds.present import mean_scores
from dnac.kinds.scopes import ScopeKind

if TYPE_CHECKING:
    from torch import Tensor


def pool(params: NoParams, scores: Tensor, here: Tensor | None) -> Tensor:
    """[B, T, M] to the mean over B and T."""
    return mean_scores(scores, here, (0, 1))


KIND = ScopeKind(
    name="batch",
    summary="One decision for a micro-batch, by the mean score of all its tokens.",
    pool=pool,
    is_causal=False,
    is_row_independent=False,
)

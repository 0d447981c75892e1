"""`balanced_hash`: a fixed table from token ids to candidates that gives each as many tokens of the training data.

The most frequent id goes to the candidate with the fewest tokens so far, then the next one (balanced assignment of
hash layers: Roller et al., arXiv 2106.04426); among equally full ones the id's `hash` decides. Ids are counted when
a run starts, in the first tokens of its training data (`train.frequencies`); the table is a buffer that checkpoints
keep. Candidate m of id t scores as in `hash`, plus 1 where the table says m: so `top(k)` takes it and then the first
of the permutation. An id that was not seen, and a net that was not trained, go by `hash` alone. An image's places
are all as frequent, and dealt out evenly. Tables of several seeds put nearly the same ids together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import RouterOps, ScoreKind, Weights
from dnac.kinds.score import hash as plain

if TYPE_CHECKING:
    from torch import Tensor


class BalancedHashParams(plain.HashParams):
    """Arguments of `balanced_hash`."""


def scores(params: BalancedHashParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, M] in [0, 2). `table` [V] holds 1 + the candidate of each id, 0 where it was not seen."""
    import torch

    found = plain.scores(params, weights, view, ops)
    own = weights["table"].to(torch.int64)[ops.token_ids()]
    slots = torch.arange(1, ops.candidates + 1, device=view.device)
    return found + (own[..., None] == slots).to(found.dtype)


KIND = ScoreKind(
    name="balanced_hash",
    summary="A table from token ids to candidates, balanced by counts of the training data (arXiv 2106.04426).",
    Params=BalancedHashParams,
    scores=scores,
    learns=lambda params: False,
    has_table=True,
)

"""What a routing step reports about itself, inside the graph and without a host sync.

B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dnac.lowering.base import StepStats
from dnac.lowering.device import is_at_hand

NOT_ASKED = StepStats(*(torch.empty(0) for _ in range(5)))
"""Where nobody asks."""


def step_stats(
    gates_BTM: Tensor, ids_BTK: Tensor, weights_BTK: Tensor, finite: Tensor, here_BT: Tensor | None = None
) -> StepStats:
    """Counts, mean gates, mean weight, mean entropy, whether all scores were finite, and how many have left. Means
    are over the tokens that are here.
    """
    M = gates_BTM.shape[-1]
    gates, weights = gates_BTM.detach(), weights_BTK.detach()
    valid = ids_BTK >= 0
    slots = torch.where(valid, ids_BTK, M).flatten()
    if is_at_hand(slots):
        counts = torch.bincount(slots, minlength=M + 1)
    else:
        counts = (slots[:, None] == torch.arange(M + 1, device=slots.device)).sum(0)
    left = counts.new_zeros(())
    if here_BT is not None:
        left = (~here_BT).sum()
        counts = torch.cat([counts[:M], counts[M:] - left * ids_BTK.shape[-1]])
    filled = valid.sum().clamp(min=1)
    weight = weights.masked_fill(~valid, 0).sum() / filled
    probs = mean_here(gates.nan_to_num(neginf=0.0), here_BT)
    return StepStats(counts, probs, weight, mean_here(entropy(gates), here_BT), finite, left)


def mean_here(of_BT: Tensor, here_BT: Tensor | None) -> Tensor:
    """The mean of [B, T, ...] over the tokens that are here; 0 where none is."""
    if here_BT is None:
        return of_BT.mean((0, 1))
    here = here_BT.reshape(*here_BT.shape, *(1,) * (of_BT.dim() - 2))
    return torch.where(here, of_BT, 0).sum((0, 1)) / here_BT.sum().clamp(min=1)


def entropy(gates_BTM: Tensor) -> Tensor:
    """[B, T]: the entropy of each token's gates in nats, taken as shares of their sum (negative gates as 0)."""
    positive = gates_BTM.clamp(min=0)
    shares = positive / positive.sum(-1, keepdim=True).clamp(min=torch.finfo(gates_BTM.dtype).tiny)
    return torch.special.entr(shares).sum(-1)

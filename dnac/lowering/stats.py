"""What a routing step reports about itself, inside the graph and without a host sync.

B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dnac.lowering.base import StepStats


def step_stats(gates_BTM: Tensor, ids_BTK: Tensor, weights_BTK: Tensor, finite: Tensor) -> StepStats:
    """Counts, mean gates, mean weight, mean entropy, and whether all scores were finite."""
    M = gates_BTM.shape[-1]
    gates, weights = gates_BTM.detach(), weights_BTK.detach()
    valid = ids_BTK >= 0
    slots = torch.where(valid, ids_BTK, M).flatten()
    counts = (slots[:, None] == torch.arange(M + 1, device=slots.device)).sum(0)
    filled = valid.sum().clamp(min=1)
    weight = torch.where(valid, weights, 0).sum() / filled
    return StepStats(counts, gates.nan_to_num(neginf=0.0).mean((0, 1)), weight, _entropy(gates), finite)


def _entropy(gates_BTM: Tensor) -> Tensor:
    """Mean entropy of a token's gates in nats, taken as shares of their sum (negative gates as 0)."""
    positive = gates_BTM.clamp(min=0)
    shares = positive / positive.sum(-1, keepdim=True).clamp(min=torch.finfo(gates_BTM.dtype).tiny)
    return torch.special.entr(shares).sum(-1).mean()

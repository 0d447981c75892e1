"""A purse for each token: candidates that it cannot pay are not chosen, and choices that it cannot pay are refused.

B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDING = 1e-6
"""Shares of the whole that sums of costs may differ by."""


class Purse(NamedTuple):
    """What tokens can pay at one routing step."""

    costs: Tensor
    """[M] of each candidate."""
    left: Tensor
    """[B, T] what is left, less the cheapest way through all later steps."""

    def affordable(self) -> Tensor:
        """[B, T, M] candidates that a token can pay."""
        return self.costs <= self.left[..., None] + ROUNDING

    def admit(self, ids_BTK: Tensor, gates_BTM: Tensor) -> Tensor:
        """The choices with -1 for those that the purse cannot pay any more; larger gates are served first."""
        K = ids_BTK.shape[-1]
        prices_BTK = torch.where(ids_BTK < 0, 0, self.costs[ids_BTK.clamp(min=0)])
        if K == 1:
            return torch.where(prices_BTK <= self.left[..., None] + ROUNDING, ids_BTK, -1)
        chosen = torch.gather(gates_BTM.detach(), -1, ids_BTK.clamp(min=0)).masked_fill(ids_BTK < 0, -torch.inf)
        order = chosen.argsort(dim=-1, descending=True, stable=True)
        left, admitted = self.left, []
        for place in range(K):
            price = torch.gather(prices_BTK, -1, order[..., place : place + 1])[..., 0]
            can_pay = price <= left + ROUNDING
            left = left - torch.where(can_pay, price, 0)
            admitted.append(can_pay)
        kept = torch.zeros_like(ids_BTK, dtype=torch.bool).scatter(-1, order, torch.stack(admitted, -1))
        return torch.where(kept, ids_BTK, -1)

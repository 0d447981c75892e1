"""`ponder(weight)`: weight * mean over tokens of N + R, the ponder cost of adaptive computation time.

N is the number of halting steps that a token takes part in, R what it has left to give out at its last
one (Graves, arXiv 1603.08983, eq. 10-12). The gradient goes through R alone: gates of all steps but the
last rise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import BalanceKind, Params, Real
from dnac.kinds.present import AWAY

if TYPE_CHECKING:
    from torch import Tensor


class PonderParams(Params):
    """Arguments of `ponder`."""

    weight: Real
    """Factor of the loss."""


def loss(params: PonderParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Gates [S, B, T, 1], ids and valid [S, B, T, 1] of S steps to a scalar."""
    import torch

    here, given = ids[..., 0] != AWAY, gates[..., 0]
    stays = here & ~valid[..., 0]
    stays = torch.cat([stays[:-1], torch.zeros_like(stays[-1:])])  # at the last step everybody leaves
    rest = 1 - torch.where(stays, given, 0).sum(0)
    taken = here.sum(0)
    cost = torch.where(taken > 0, taken + rest, 0).sum() / (taken > 0).sum().clamp(min=1)
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * cost


KIND = BalanceKind(
    name="ponder",
    summary="For `halt by`: weight * (steps taken + what is left at the last one) (ACT, arXiv 1603.08983).",
    Params=PonderParams,
    loss=loss,
    over_steps=True,
)

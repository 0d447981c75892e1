"""`reward(weight)`: what ran above the target lowers what the draws of a sequence or image have earned.

    L_b + n_b * weight * max(r_b - u, 0)

stands for the loss L_b of sequence b in the score function of `grad = reinforce`: r_b is its executed share, u the
target, n_b its targets that count. So weight is in nats for each token (or image), as the loss is, and the gradient is
exactly that of the expected sum. It reaches routers that learn from rewards, and no others; below the target nothing is
to be paid (SkipNet, arXiv 1711.09485, pays for every block that runs; a pure price is bang-bang on easy tasks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import Params, Real
from dnac.kinds.budgets import ByKind

if TYPE_CHECKING:
    from torch import Tensor


class RewardParams(Params):
    """Arguments of `reward`."""

    weight: Real
    """Price of the whole above the target: nats for each token or image."""


def price(params: Any, share: Tensor, target: Tensor | float) -> Tensor:
    """Executed shares [B] to nats for each target [B]; `weight` and `target` may be tensors: they may be scheduled."""
    return params.weight * (share - target).clamp(min=0)


KIND = ByKind(
    name="reward",
    summary="A price on what ran above the target, in the reward of `grad = reinforce` (SkipNet, arXiv 1711.09485).",
    Params=RewardParams,
    units=("sequence",),
    price=price,
)

"""`router_bce(weight)`: teaches a router whose modules choose tokens to foresee who is taken.

weight * mean over tokens and modules of the binary cross-entropy of the score (a logit) and whether the
module took the token: gates of taken tokens go to 1, of the others to 0, so that a threshold can stand in
for the choice while generating (Mixture-of-Recursions, arXiv 2507.10524, section 2.2.1, auxiliary loss).
Tokens that have left do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import BalanceKind, Params, Real
from dnac.kinds.present import mean_over_present

if TYPE_CHECKING:
    from torch import Tensor


class RouterBceParams(Params):
    """Arguments of `router_bce`."""

    weight: Real
    """Factor of the loss."""


def loss(params: RouterBceParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Scores [B, T, K] of the modules that choose, ids [B, T, K] and valid [B, T, K] whether they took the token."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    each = binary_cross_entropy_with_logits(scores, valid.to(scores.dtype), reduction="none").mean(-1)
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * mean_over_present(each, ids)


KIND = BalanceKind(
    name="router_bce",
    summary="Teaches a router to foresee which tokens its modules take (Mixture-of-Recursions, arXiv 2507.10524).",
    Params=RouterBceParams,
    loss=loss,
    of_takers=True,
)

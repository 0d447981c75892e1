"""`kl_gaussian(step, weight, spread)`: holds the halting steps of all tokens together near a Gaussian over depth.

q_n is the mean gate of the n-th halting step over all tokens (0 of those that have left), brought to sum 1 over the
S steps and not below 0.01; g_n = exp(-(n - step)^2 / (2 spread^2)), brought to sum 1. The loss is weight * KL(g, q)
(A-ViT, arXiv 2112.07658, section 3.3, in the direction of its released code). A single token may do as it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dnac.kinds.base import BalanceKind, Params, Real
from dnac.kinds.present import AWAY

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 0.01


class KlGaussianParams(Params):
    """Arguments of `kl_gaussian`."""

    step: Annotated[float, Field(ge=1)]
    """The halting step around which tokens should leave; the first is 1."""
    weight: Real
    """Factor of the loss."""
    spread: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation, in steps."""


def loss(params: KlGaussianParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Gates [S, B, T, 1], ids [S, B, T, 1] of S steps to a scalar."""
    import torch

    mean = torch.where(ids[..., 0] != AWAY, gates[..., 0], 0).mean((1, 2))
    profile = mean / mean.sum().clamp_min(torch.finfo(gates.dtype).tiny)
    steps = torch.arange(1, len(gates) + 1, dtype=gates.dtype, device=gates.device)
    wanted = (-((steps - params.step) ** 2) / (2 * params.spread**2)).softmax(0)
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * (wanted * (wanted.log() - profile.clamp_min(LEAST).log())).sum()


KIND = BalanceKind(
    name="kl_gaussian",
    summary="For `halt by`: weight * KL of mean halting from a Gaussian over depth (A-ViT, arXiv 2112.07658).",
    Params=KlGaussianParams,
    loss=loss,
    over_steps=True,
)

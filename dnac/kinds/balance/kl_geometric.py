"""`kl_geometric(chance, weight)`: weight * KL of the halting steps from a geometric prior.

p_n = gate_n prod_{m < n} (1 - gate_m) for the steps n = 1 .. S, what is left at the last one. The prior is
g_n = chance (1 - chance)^(n - 1), brought to sum 1 over the S steps (PonderNet, arXiv 2107.05407, eq. 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dnac.kinds.base import BalanceKind, Params, Real
from dnac.kinds.present import AWAY

if TYPE_CHECKING:
    from torch import Tensor


class KlGeometricParams(Params):
    """Arguments of `kl_geometric`."""

    chance: Annotated[float, Field(gt=0, lt=1)]
    """The prior's chance to leave at a step: 1 / chance steps are wanted, more or less."""
    weight: Real
    """Factor of the loss."""


def loss(params: KlGeometricParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Gates [S, B, T, 1] of S steps to a scalar: the mean over the tokens that took part."""
    import torch

    here = ids[..., 0] != AWAY
    stays = torch.where(here, 1 - gates[..., 0], 1)
    before = torch.cat([torch.ones_like(stays[:1]), stays[:-1].cumprod(0)])
    chances = before * torch.cat([gates[:-1, ..., 0], torch.ones_like(gates[-1:, ..., 0])])
    steps = torch.arange(len(gates), dtype=gates.dtype, device=gates.device)
    prior = params.chance * (1 - params.chance) ** steps
    log_prior = (prior / prior.sum()).log()[:, None, None]
    tiny = torch.finfo(gates.dtype).tiny
    each = torch.where(here, chances * (chances.clamp_min(tiny).log() - log_prior), 0).sum(0)
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * each.sum() / here[0].sum().clamp(min=1)


KIND = BalanceKind(
    name="kl_geometric",
    summary="For `halt by`: weight * KL of the halting steps from a geometric prior (PonderNet, arXiv 2107.05407).",
    Params=KlGeometricParams,
    loss=loss,
    over_steps=True,
)

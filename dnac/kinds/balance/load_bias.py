"""`load_bias(rate)`: b_i += rate * sign(mean load - load_i) (loss-free balancing, arXiv 2408.15664).

Loads are choices in the train step. Identities are left alone: their share is `skip_target`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import BalanceContext, BalanceKind, Params, Real

if TYPE_CHECKING:
    from torch import Tensor


class LoadBiasParams(Params):
    """Arguments of `load_bias`."""

    rate: Real
    """How far a bias moves in one train step, in units of the gate."""


def update(params: LoadBiasParams, context: BalanceContext) -> Tensor:
    """The change of the bias, [M] float32; 0 for identities and where a load is the mean."""
    import torch

    counts = context.counts.to(torch.float64)
    works = torch.ones_like(counts) if context.skips is None else (~context.skips).to(torch.float64)
    # n * count against the sum: integers, so that sign(0) is 0.
    delta = ((counts * works).sum() - counts * works.sum()) * works
    return (context.value(params.rate) * delta.sign()).to(torch.float32)


KIND = BalanceKind(
    name="load_bias",
    summary="Moves each bias by rate towards equal loads, identities left alone (arXiv 2408.15664).",
    Params=LoadBiasParams,
    update=update,
)

"""`accumulate(total)`: a token leaves once the chances that its halting steps gave out add up to `total`.

Adaptive computation time (Graves, arXiv 1603.08983, eq. 5-8): each step gives out p_n = gate_n, the last
one what is left. For `halt by` alone, which keeps the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.kinds.base import ChooseKind, Params

if TYPE_CHECKING:
    from torch import Tensor


class AccumulateParams(Params):
    """Arguments of `accumulate`."""

    total: Annotated[float, Field(gt=0, le=1)]
    """1 - e: where the sum of the chances reaches it, the token leaves."""


def choose(params: AccumulateParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, M], as the first step of a sum chooses."""
    import torch

    slots = torch.arange(selection.shape[-1], device=selection.device)
    return torch.where(selection.detach() >= params.total, slots, -1)


def leaves(params: AccumulateParams, gates: Tensor, given: Tensor) -> Tensor:
    """Gates [B, T] and what was given out before [B, T] to [B, T] bool."""
    return given + gates >= params.total


KIND = ChooseKind(
    name="accumulate",
    summary="For `halt by`: leave once the gates so far add up to `total` (ACT, arXiv 1603.08983).",
    Params=AccumulateParams,
    choose=choose,
    leaves=leaves,
    may_pass=True,
)

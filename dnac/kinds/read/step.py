"""`step`: which of its turns a router is in, as a one-hot; so that a shared router can tell its turns apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from dnac.kinds.base import Params, ReadKind, RouterOps

if TYPE_CHECKING:
    from torch import Tensor


class StepParams(Params):
    """Arguments of `step`."""

    turns: int | None = Field(default=None, gt=0)
    """Turns that the router can tell apart. Unsaid: as many as it has in the net."""


def features(params: StepParams, ops: RouterOps, dtype: Any) -> Tensor:
    """One-hot [B, T, S] of how often this router was used before."""
    import torch

    like = ops.token_ids()
    row = (torch.arange(params.turns or 1, device=like.device) == ops.turn()).to(dtype)
    return row.expand(*like.shape, -1)


KIND = ReadKind(
    name="step",
    summary="Which of its turns a shared router is in, as a one-hot.",
    Params=StepParams,
    width=lambda params, size: params.turns or 1,
    features=features,
)

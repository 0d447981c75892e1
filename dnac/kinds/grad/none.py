"""`none`: the router gets no gradient from the task; balance losses still reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GradKind

if TYPE_CHECKING:
    from torch import Tensor


def through(weights: Tensor, gates: Tensor, valid: Tensor) -> Tensor:
    """The weights' values without gradient."""
    return weights.detach()


KIND = GradKind(
    name="none",
    summary="No gradient from the task; balance losses still reach the router.",
    through=through,
    needs_weight=False,
    teaches_router=False,
)

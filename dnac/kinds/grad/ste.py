"""`ste`: straight through: the weight's value, with the gradient of the chosen gate (arXiv 1308.3432)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GradKind

if TYPE_CHECKING:
    from torch import Tensor


def through(weights: Tensor, gates: Tensor, valid: Tensor) -> Tensor:
    """The weights' values; d weight / d gate = 1 on filled slots."""
    chosen = gates.masked_fill(~valid, 0.0)
    return weights.detach() + (chosen - chosen.detach())


KIND = GradKind(
    name="ste",
    summary="Straight through: the weight's value with the gradient of the chosen gate (arXiv 1308.3432).",
    through=through,
    needs_weight=False,
)

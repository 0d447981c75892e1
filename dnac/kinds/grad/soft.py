"""`soft`: the router learns through the weight that multiplies the output, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GradKind

if TYPE_CHECKING:
    from torch import Tensor


def through(weights: Tensor, gates: Tensor, valid: Tensor) -> Tensor:
    """The weights, with their own gradient."""
    return weights


KIND = GradKind(
    name="soft",
    summary="The router learns through the weight as it is (DNA, Switch).",
    through=through,
)

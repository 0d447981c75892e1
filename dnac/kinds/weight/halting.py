"""`halting`: for `halt by`: behind the loop a token has the mean of its streams at the halting steps.

Each counts as likely as the token leaves there (ACT, Graves, arXiv 1603.08983, eq. 9); what no step gave
out goes to the last stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    return gates.masked_fill(~valid, 0.0)


KIND = WeightKind(
    name="halting",
    summary="For `halt by`: the mean over the steps, each by its chance to be the last (ACT, arXiv 1603.08983).",
    weigh=weigh,
    of_halting=True,
)

"""`squared`: the square of the gate, so that a router that is sure speaks louder.

An answer to the router's question `weight`: one function from the chosen gates to the factors of the increments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import WeightKind

if TYPE_CHECKING:
    from torch import Tensor


def weigh(gates: Tensor, valid: Tensor) -> Tensor:
    """Chosen gates [B, T, K] to weights [B, T, K]; an empty slot weighs 0."""
    return gates.square().masked_fill(~valid, 0.0)


KIND = WeightKind(name="squared", summary="The square of the gate.", weigh=weigh)

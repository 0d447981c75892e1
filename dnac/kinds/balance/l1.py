"""`l1(weight)`: weight * mean over tokens of the mean gate over all candidates: a pull of every gate towards zero.

For gates that can close (`relu_tanh`) or stand alone (`sigmoid`). It has no target: on an easy task it changes nothing
or closes everything, and what it lowers is the gate, not what runs. A `budget` has a target and counts what ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dnac.kinds.base import BalanceKind, Fault, Params, Real, RouteFacts

if TYPE_CHECKING:
    from torch import Tensor


class L1Params(Params):
    """Arguments of `l1`."""

    weight: Real
    """Factor of the loss."""


def loss(params: L1Params, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Gates [B, T, M] to a scalar."""
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * gates.nan_to_num(neginf=0.0).abs().mean()


def check(params: L1Params, facts: RouteFacts) -> Iterator[Fault]:
    """Gates that always add up to one have nothing to give."""
    if facts.gate == "softmax":
        message = "the gates of a softmax always add up to 1, so their sum cannot be lowered"
        yield Fault("", message, "use `sigmoid` or `relu_tanh`, or a `budget`")


KIND = BalanceKind(
    name="l1",
    summary="Adds weight * the mean gate over all candidates to the loss; no target, so prefer a budget.",
    Params=L1Params,
    loss=loss,
    check=check,
    is_pull=True,
)

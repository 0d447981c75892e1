"""`threshold(over)`: every candidate whose gate is above a number: as many as pass it, or none.

Slot i holds candidate i, or is empty. Of a halting step: the token leaves where its gate is above it
(confident adaptive language modeling, arXiv 2207.07061).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import ChooseKind, Params

if TYPE_CHECKING:
    from torch import Tensor


class ThresholdParams(Params):
    """Arguments of `threshold`."""

    over: float
    """The gate (and bias) that a candidate must exceed."""


def choose(params: ThresholdParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, M]."""
    import torch

    slots = torch.arange(selection.shape[-1], device=selection.device)
    return torch.where(selection.detach() > params.over, slots, -1)


KIND = ChooseKind(
    name="threshold",
    summary="Every candidate whose gate is above a number; a token may pass (CALM, arXiv 2207.07061).",
    Params=ThresholdParams,
    choose=choose,
    may_pass=True,
    over=lambda params: params.over,
)

"""`all`: every candidate, in order of declaration: a dense mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import ChooseKind, NoParams

if TYPE_CHECKING:
    from torch import Tensor


def choose(params: NoParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, M]: slot i holds candidate i, or -1 where its score is NaN or -inf."""
    import torch

    slots = torch.arange(selection.shape[-1], device=selection.device)
    return torch.where(selection.detach() > -torch.inf, slots, -1)


KIND = ChooseKind(
    name="all",
    summary="Every candidate, in order of declaration: a dense mixture.",
    choose=choose,
)

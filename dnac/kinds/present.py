"""Which tokens of a routing step are here: the others have left, and no mean over tokens counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

AWAY = -2
"""Stands in every slot of a token that has left; an empty slot of one that is here holds -1."""


def mean_over_present(of: Tensor, ids: Tensor) -> Tensor:
    """The mean of [B, T] over the tokens of `ids` [B, T, K] that are here; 0 where none is."""
    import torch

    here = ids[..., 0] != AWAY
    return torch.where(here, of, 0).sum() / here.sum().clamp(min=1)

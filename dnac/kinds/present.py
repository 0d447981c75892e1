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


def mean_scores(scores: Tensor, here: Tensor | None, axes: tuple[int, ...]) -> Tensor:
    """The mean over tokens that are here, for each of them; 0 where none is. A score of -inf or NaN stays one."""
    import torch

    if here is None:
        return scores.mean(axes, keepdim=True).expand_as(scores).contiguous()
    total = torch.where(here[..., None], scores, 0.0).sum(axes, keepdim=True)
    return (total / here.sum(axes, keepdim=True).clamp(min=1)[..., None]).expand_as(scores).contiguous()

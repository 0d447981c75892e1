"""`learned`: a learned vector per position, added to the embedding (as in GPT-2, ViT and DNA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import PositionsKind, Weights, WeightSpec
from dnac.kinds.params import NORMAL

if TYPE_CHECKING:
    from torch import Tensor


def weights(tokens: int, width: int) -> tuple[WeightSpec, ...]:
    """One vector per position; it does not decay."""
    return (WeightSpec("positions", (tokens, width), NORMAL, decays=False),)


def add(weights: Weights, tokens: int, like: Tensor) -> Tensor:
    """[T, D]: the first `tokens` rows of the table."""
    return weights["positions"][:tokens].to(like.dtype)


KIND = PositionsKind(
    name="learned",
    summary="A learned vector per position, added to the embedding (GPT-2, ViT, DNA); drawn from normal(0.02).",
    weights=weights,
    add=add,
)

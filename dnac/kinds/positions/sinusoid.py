"""`sinusoid`: fixed sines and cosines, added to the embedding (Vaswani et al., arXiv 1706.03762, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import PositionsKind, Weights

if TYPE_CHECKING:
    from torch import Tensor


def add(weights: Weights, tokens: int, like: Tensor) -> Tensor:
    """[T, D]: those of the positions 0 to T - 1."""
    import torch

    return at(torch.arange(tokens, device=like.device), like)


def at(positions: Tensor, like: Tensor) -> Tensor:
    """[..., D]: PE(t, 2i) = sin(t / 10000^(2i/D)), PE(t, 2i + 1) = cos of the same angle."""
    import torch

    width = like.shape[-1]
    even = torch.arange(0, width, 2, dtype=torch.float64, device=like.device)
    angle = positions.to(torch.float64)[..., None] * torch.pow(10000.0, -even / width)
    pairs = torch.stack((angle.sin(), angle.cos()), dim=-1)
    return pairs.flatten(-2)[..., :width].to(like.dtype)


KIND = PositionsKind(
    name="sinusoid",
    summary="Fixed sines and cosines, added to the embedding (Vaswani et al., arXiv 1706.03762).",
    add=add,
    at=at,
)

"""`hash`: a fixed permutation of the candidates per token id (text) or position (image).

Candidate m of token id t scores hash(seed, t, m) / 2^24, hash in [0, 2^24): exact in float32. The
order of these scores is the permutation, ties to the lowest index; so `top(k)` takes its first k
(hash layers: Roller et al., arXiv 2106.04426).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import Params, RouterOps, ScoreKind, Weights

if TYPE_CHECKING:
    from torch import Tensor

_MASK = (1 << 32) - 1


class HashParams(Params):
    """Arguments of `hash`."""

    seed: int = Field(default=0, ge=0, lt=1 << 32)
    """Another seed gives other permutations. It is part of the model, not of the run."""


def scores(params: HashParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, M] in [0, 1)."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    return numbers(params.seed, ops.token_ids(), ops.candidates).to(dtype) / (1 << 24)


def numbers(seed: int, ids: Tensor, candidates: int) -> Tensor:
    """Ids [...] to their candidates' hashes [..., M], int64 in [0, 2^24)."""
    import torch

    slots = torch.arange(candidates, device=ids.device)
    return _mix(_mix(ids + _mixed_seed(seed))[..., None] + slots) >> 8


def _mix(x: Tensor) -> Tensor:
    """A 32-bit mixer of C. Wellons' hash prospector in int64: both multipliers are below 2^31, so no
    product of a 32-bit word overflows.
    """
    x = x & _MASK
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _MASK
    return x ^ (x >> 15)


def _mixed_seed(seed: int) -> int:
    """Far apart for neighbouring seeds, so that seed s + 1 is not seed s moved by one token id."""
    return (seed * 0x9E3779B1 + 0x7F4A7C15) & _MASK


KIND = ScoreKind(
    name="hash",
    summary="A fixed permutation of the candidates per token id or position (hash layers, arXiv 2106.04426).",
    Params=HashParams,
    scores=scores,
    learns=lambda params: False,
)

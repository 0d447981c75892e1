"""`none`: the score itself, of either sign (as in Mixture-of-Depths, arXiv 2404.02258)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GateKind, NoParams

if TYPE_CHECKING:
    from torch import Tensor


def gate(params: NoParams, scores: Tensor) -> Tensor:
    """[..., M]: the scores; -inf stays -inf and is never chosen."""
    return scores


KIND = GateKind(
    name="none",
    summary="The score itself, of either sign (Mixture-of-Depths, arXiv 2404.02258).",
    gate=gate,
)

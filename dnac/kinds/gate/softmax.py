"""`softmax`: rho_i = exp(z_i) / sum_j exp(z_j) over all candidates, identities included (arXiv 2506.22389)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GateKind, NoParams

if TYPE_CHECKING:
    from torch import Tensor


def gate(params: NoParams, scores: Tensor) -> Tensor:
    """[..., M]; a score of -inf has gate 0, also where all scores are."""
    dead = scores.isneginf()
    none_left = dead.all(-1, keepdim=True)
    return scores.masked_fill(none_left, 0.0).softmax(-1).masked_fill(dead, 0.0)


KIND = GateKind(
    name="softmax",
    summary="exp(z_i) / sum_j exp(z_j) over all candidates, identities included (arXiv 2506.22389).",
    gate=gate,
    at_zero=lambda params, size: 1 / size,
)

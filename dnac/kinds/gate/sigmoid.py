"""`sigmoid`: each candidate by itself (DeepSeek-V3, arXiv 2412.19437; loss-free balancing, 2408.15664)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import GateKind, NoParams

if TYPE_CHECKING:
    from torch import Tensor


def gate(params: NoParams, scores: Tensor) -> Tensor:
    """[..., M]; a score of -inf has gate 0."""
    return scores.sigmoid()


KIND = GateKind(
    name="sigmoid",
    summary="1 / (1 + exp(-z_i)), each candidate by itself (DeepSeek-V3, arXiv 2412.19437).",
    gate=gate,
)

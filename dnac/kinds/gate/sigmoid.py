"""`sigmoid(bias)`: each candidate by itself (DeepSeek-V3, arXiv 2412.19437; loss-free balancing, 2408.15664).

The bias moves all gates at the start, where scores are near 0: a halting step with `sigmoid(-2)` begins with
chances of about 0.12 to leave. Graves' halting unit has a learned one (arXiv 1603.08983, eq. 5).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dnac.kinds.base import GateKind, Params

if TYPE_CHECKING:
    from torch import Tensor


class SigmoidParams(Params):
    """Arguments of `sigmoid`."""

    bias: float = 0.0
    """Added to the score; a constant."""


def gate(params: SigmoidParams, scores: Tensor) -> Tensor:
    """[..., M]; a score of -inf has gate 0."""
    return (scores + params.bias if params.bias else scores).sigmoid()


KIND = GateKind(
    name="sigmoid",
    summary="1 / (1 + exp(-z_i - bias)), each candidate by itself (DeepSeek-V3, arXiv 2412.19437).",
    Params=SigmoidParams,
    gate=gate,
    at_zero=lambda params, size: 1 / (1 + math.exp(-params.bias)),
)

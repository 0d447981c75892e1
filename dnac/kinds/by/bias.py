"""`bias(rate)`: b_i += rate * sign(target - reached) * c_i / max c, once per train step, without any gradient.

The same controller as `skip_target` (DNA, arXiv 2506.22389, eq. 3) and `load_bias` (2408.15664), for costs: while
too much was spent in the train step, dear candidates are held back in proportion to what they cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import Params, Real
from dnac.kinds.budgets import ByKind

if TYPE_CHECKING:
    from torch import Tensor


class BiasParams(Params):
    """Arguments of `bias`."""

    rate: Real = 1e-3
    """How far the bias of the dearest candidate moves in one train step, in units of the gate."""


def update(params: BiasParams, room: Tensor, costs: Tensor, rate: float) -> Tensor:
    """Target less what was reached (a scalar), and costs [M], to the change of the bias, [M] float32."""
    import torch

    dearest = costs.max().clamp(min=torch.finfo(costs.dtype).tiny)
    return (rate * room.sign() * costs / dearest).to(torch.float32)


def rate(params: BiasParams) -> Any:
    """The number that may be a schedule."""
    return params.rate


KIND = ByKind(
    name="bias",
    summary="Biases on the gates before selection, moved by what a train step really spent; no gradient (2408.15664).",
    Params=BiasParams,
    units=("batch", "network"),
    update=update,
    rate=rate,
)

"""`loss(shape, weight, warmup)`: a loss on the distance of the executed cost from the target.

r is the executed share of one token, sequence or batch (`per`), straight through: its value counts what ran, its
gradient is that of the gates. u is the target. The loss is the mean over all tokens, sequences or batches of

- `quadratic`: weight * (r - u)^2 (Dynamic Routing, arXiv 2003.10401; DynamicViT, 2106.02034);
- `log`: weight * |log(r / u)|: above the target the log of the cost, as Single-Path NAS has it (1904.02877), below
  it the same pull upwards. A pure cost penalty either changes nothing or closes everything on easy tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Params, Real, ShareUnit
from dnac.kinds.budgets import ByKind

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-3
"""Below this share the log would only grow."""


class LossParams(Params):
    """Arguments of `loss`."""

    shape: Literal["quadratic", "log"]
    """How the loss grows with the distance from the target."""
    weight: Real
    """Factor of the loss."""
    warmup: Annotated[float, ShareUnit("the run"), Field(ge=0, le=1)] = 0.0
    """Over which part of the run the weight rises from 0: `schedule(0, linear(weight, warmup))`."""


def loss(params: Any, share: Tensor, target: Tensor | float) -> Tensor:
    """Executed shares [...] to a scalar; `weight` and `target` may be tensors where they are scheduled."""
    import torch

    if params.shape == "quadratic":
        return params.weight * (share - target).square().mean()
    aim = torch.as_tensor(target, dtype=share.dtype, device=share.device)
    return params.weight * (share.clamp(min=LEAST).log() - aim.clamp(min=LEAST).log()).abs().mean()


def resolve(params: LossParams) -> LossParams:
    """The warm-up as the schedule that it is short for."""
    if not params.warmup or isinstance(params.weight, Form):
        return params
    rise = Form("linear", (("target", params.weight), ("until", params.warmup)))
    weight = Form("schedule", (("start", 0.0), ("pieces", (rise,))))
    return params.model_copy(update={"weight": weight, "warmup": 0.0})


KIND = ByKind(
    name="loss",
    summary="A loss on the executed cost, with a straight-through gradient to the gates (arXiv 2003.10401).",
    Params=LossParams,
    units=("token", "sequence", "batch", "network"),
    loss=loss,
    resolve=resolve,
)

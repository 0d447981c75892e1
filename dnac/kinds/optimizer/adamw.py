"""`adamw`: torch's own AdamW (Loshchilov & Hutter, arXiv 1711.05101)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dnac.kinds.base import OptimizerKind, Params

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


class AdamwParams(Params):
    """Arguments of `adamw`."""

    weight_decay: float = Field(default=0.1, ge=0)
    """Decay per unit of learning rate, of the weights that decay (matrices and routers)."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    """How long the two moments remember."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to the root of the second moment."""


def make(params: AdamwParams, groups: Any) -> Optimizer:
    """torch.optim.AdamW over parameter groups, one kernel for all of a group's weights."""
    import torch

    return torch.optim.AdamW(groups, betas=params.betas, eps=params.eps, weight_decay=params.weight_decay, fused=True)


KIND = OptimizerKind(
    name="adamw",
    summary="torch's own AdamW (arXiv 1711.05101).",
    Params=AdamwParams,
    make=make,
)

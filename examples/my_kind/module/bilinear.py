"""`bilinear`: the product of two linear views of a token, brought back to the width.

    f(x) = ((norm(x) Wa) * (norm(x) Wb)) Wdown        x [..., D], Wa and Wb [D, hidden], Wdown [hidden, D]

An mlp without an activation (Shazeer, arXiv 2002.05202, "Bilinear"). This file is all that a new kind
needs: its arguments, its weights, its cost and its formula. Counts, FLOPs, checks, every lowering,
training and pictures follow from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dnac.ir.form import Form, form
from dnac.kinds.base import ModuleKind, Ops, Site, WeightSpec
from dnac.kinds.params import From, Params, SizeUnit

if TYPE_CHECKING:
    from torch import Tensor


class BilinearParams(Params):
    """Arguments of `bilinear`."""

    hidden: Annotated[int, SizeUnit(), Field(gt=0)]
    """Units of each view, `2x` for times the width."""
    norm: Annotated[Form, From("norm")] = form("layer")
    """Norm of what it reads."""


def weights(params: BilinearParams, site: Site) -> tuple[WeightSpec, ...]:
    """`norm` [D], `views` [D, 2 hidden], `down` [hidden, D]."""
    normal = form("normal", std=0.02)
    gain = (WeightSpec("norm", (site.width,), form("ones"), decays=False),) if params.norm.name != "none" else ()
    return (
        *gain,
        WeightSpec("views", (site.width, 2 * params.hidden), normal, decays=True),
        WeightSpec("down", (params.hidden, site.width), normal, decays=True),
    )


def forward(params: BilinearParams, weights: Any, x: Tensor, ops: Ops) -> Tensor:
    """The increment f(x), x and result [..., D]."""
    a, b = ops.linear(ops.norm(x, params.norm, weights.get("norm")), weights["views"]).chunk(2, dim=-1)
    return ops.linear(a * b, weights["down"])


def flops(params: BilinearParams, site: Site, keys: float) -> float:
    """Three matrices of width times hidden, two FLOPs for each multiply-add."""
    return 6.0 * site.width * params.hidden


KIND = ModuleKind(
    name="bilinear",
    summary="The product of two linear views of a token (arXiv 2002.05202).",
    Params=BilinearParams,
    weights=weights,
    forward=forward,
    flops=flops,
)

"""`unembed`: logits over the vocabulary at every position, by a matrix of its own or the embed's table.

logits[t] = norm(h[t]) W, with W [D, V], or the table's transpose where they are tied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dnac.ir.form import Form
from dnac.kinds.base import EmbedName, From, HeadKind, Ops, Params, Weights, WeightSpec
from dnac.kinds.params import NORMAL, ONES, ZEROS
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class UnembedParams(Params):
    """Arguments of `unembed`."""

    table: Annotated[str, EmbedName()] | None = None
    """The name of the embed whose table is used again: `embed table = tokens(...)`, `unembed(table)`."""
    tied: bool = False
    """Whether the embed's table is used again, without naming it."""
    norm: Annotated[Form, From("norm")] = Form("none")
    """Norm of the stream before the matrix."""
    bias: bool = False
    """Whether a bias is added to the logits."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of its own matrix."""


def ties(params: UnembedParams) -> bool:
    """Whether it uses the embed's table."""
    return params.tied or params.table is not None


def weights(params: UnembedParams, width: int, outputs: int) -> tuple[WeightSpec, ...]:
    """`norm` [D], `weight` [D, V] unless tied, `bias` [V]."""
    word("norm", params.norm)
    wanted = {"norm": params.norm.name != "none", "weight": not ties(params), "bias": params.bias}
    specs = (
        WeightSpec("norm", (width,), ONES, decays=False),
        WeightSpec("weight", (width, outputs), params.init, decays=True),
        WeightSpec("bias", (outputs,), ZEROS, decays=False),
    )
    return tuple(spec for spec in specs if wanted[spec.name])


def forward(params: UnembedParams, weights: Weights, x: Tensor, ops: Ops, table: Tensor | None) -> Tensor:
    """[B, T, D] to logits [B, T, V]; `table` [V, D] is the embed's, where they are tied."""
    matrix = weights["weight"] if table is None else table.transpose(0, 1)
    return ops.linear(ops.norm(x, params.norm, weights.get("norm")), matrix, weights.get("bias"))


KIND = HeadKind(
    name="unembed",
    summary="Logits over the vocabulary at every position, by a matrix of its own or the embed's table.",
    Params=UnembedParams,
    accepts="text",
    ties=ties,
    weights=weights,
    forward=forward,
    flops=lambda params, width, outputs, tokens: 2.0 * width * outputs,
)

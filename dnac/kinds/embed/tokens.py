"""`tokens`: a learned vector per token id, plus positions.

h_0[t] = table[id_t] + positions[t], then dropout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import EmbedKind, From, Ops, Params, Weights, WeightSpec
from dnac.kinds.input.text import TextParams
from dnac.kinds.params import NORMAL, ShareUnit
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class TokensParams(Params):
    """Arguments of `tokens`."""

    width: int = Field(gt=0)
    """D, the width of the residual stream."""
    positions: Annotated[Form, From("positions")]
    """`learned`, `sinusoid`, `rope(base)` (handed to every attention that says nothing), or `none`."""
    dropout: Annotated[float, ShareUnit("the embedding's features"), Field(ge=0, lt=1)] = 0.0
    """Share of the features that is dropped while training."""
    init: Annotated[Form, From("init")] = NORMAL
    """Initial values of the table."""


def weights(params: TokensParams, source: TextParams) -> tuple[WeightSpec, ...]:
    """`table` [V, D] and, where they are learned, `positions` [T, D]."""
    table = WeightSpec("table", (source.vocabulary, params.width), params.init, decays=True)
    return (table, *word("positions", params.positions).weights(source.context, params.width))


def forward(params: TokensParams, weights: Weights, inputs: Tensor, source: TextParams, ops: Ops) -> Tensor:
    """[B, T] ids to [B, T, D]."""
    x = ops.look_up(weights["table"], inputs)
    add = word("positions", params.positions).add
    if add is not None:
        x = x + add(weights, inputs.shape[1], x)
    return ops.dropout(x, params.dropout, "embed")


KIND = EmbedKind(
    name="tokens",
    summary="A learned vector per token id, plus positions.",
    Params=TokensParams,
    accepts="text",
    width=lambda params: params.width,
    tokens=lambda params, source: source.context,
    hands_on=lambda params: (
        params.positions if word("positions", params.positions).angles is not None else Form("none")
    ),
    weights=weights,
    forward=forward,
)

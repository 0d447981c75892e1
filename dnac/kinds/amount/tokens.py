"""`tokens(n)`: tokens, of all micro-batches and ranks together."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Kind, Params


class TokensParams(Params):
    """Arguments of `tokens`."""

    n: int = Field(gt=0)
    """How many."""


KIND = Kind(
    name="tokens",
    summary="Tokens, of all micro-batches and ranks together.",
    Params=TokensParams,
)

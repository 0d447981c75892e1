"""`epochs(n)`: passes over the training data; a fraction is allowed."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Kind, Params


class EpochsParams(Params):
    """Arguments of `epochs`."""

    n: float = Field(gt=0)
    """How many."""


KIND = Kind(
    name="epochs",
    summary="Passes over the training data; a fraction is allowed.",
    Params=EpochsParams,
)

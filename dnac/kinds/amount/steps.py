"""`steps(n)`: train steps."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Kind, Params


class StepsParams(Params):
    """Arguments of `steps`."""

    n: int = Field(gt=0)
    """How many."""


KIND = Kind(
    name="steps",
    summary="Train steps.",
    Params=StepsParams,
)

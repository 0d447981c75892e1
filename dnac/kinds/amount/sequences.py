"""`sequences(n)`: sequences (or images), of all micro-batches and ranks together."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Kind, Params


class SequencesParams(Params):
    """Arguments of `sequences`."""

    n: int = Field(gt=0)
    """How many."""


KIND = Kind(
    name="sequences",
    summary="Sequences (or images), of all micro-batches and ranks together.",
    Params=SequencesParams,
)

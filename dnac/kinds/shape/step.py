"""`step(target, until)`: the value before until the end of the piece, then the target."""

from __future__ import annotations

from dnac.kinds.base import ShapeKind
from dnac.kinds.shape import PieceParams


def value(params: PieceParams, start: float, x: float) -> float:
    """The value at x in [0, 1] of the piece; `start` is the value before it."""
    return params.target if x >= 1 else start


KIND = ShapeKind(
    name="step",
    summary="The value before until the end of the piece, then the target.",
    Params=PieceParams,
    value=value,
)

"""`linear(target, until)`: a straight line from the value before to the target."""

from __future__ import annotations

from dnac.kinds.base import ShapeKind
from dnac.kinds.shape import PieceParams


def value(params: PieceParams, start: float, x: float) -> float:
    """The value at x in [0, 1] of the piece; `start` is the value before it."""
    return start + (params.target - start) * x


KIND = ShapeKind(
    name="linear",
    summary="A straight line from the value before to the target.",
    Params=PieceParams,
    value=value,
)

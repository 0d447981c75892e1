"""`hold(target, until)`: the target, from the beginning of the piece."""

from __future__ import annotations

from dnac.kinds.base import ShapeKind
from dnac.kinds.shape import PieceParams


def value(params: PieceParams, start: float, x: float) -> float:
    """The value at x in [0, 1] of the piece; `start` is the value before it."""
    return params.target


KIND = ShapeKind(
    name="hold",
    summary="The target, from the beginning of the piece.",
    Params=PieceParams,
    value=value,
)

"""`cosine(target, until)`: half a cosine from the value before to the target (arXiv 1608.03983)."""

from __future__ import annotations

import math

from dnac.kinds.base import ShapeKind
from dnac.kinds.shape import PieceParams


def value(params: PieceParams, start: float, x: float) -> float:
    """The value at x in [0, 1] of the piece; `start` is the value before it."""
    return params.target + (start - params.target) * (1 + math.cos(math.pi * x)) / 2


KIND = ShapeKind(
    name="cosine",
    summary="Half a cosine from the value before to the target (arXiv 1608.03983).",
    Params=PieceParams,
    value=value,
)

"""`exponential(target, until)`: a geometric path from the value before to the target, both above 0.

As temperatures fall in Gumbel-softmax nets: `schedule(5, exponential(0.1, 80%))` multiplies by the same factor in
every train step (arXiv 1611.01144; VersatileFFN, 2512.14531).
"""

from __future__ import annotations

from collections.abc import Iterator

from dnac.kinds.base import Fault, ShapeKind
from dnac.kinds.shape import PieceParams


def value(params: PieceParams, start: float, x: float) -> float:
    """The value at x in [0, 1] of the piece; `start` is the value before it."""
    return start * (params.target / start) ** x


def check(params: PieceParams, start: float) -> Iterator[Fault]:
    """Zero is infinitely many factors away."""
    if start <= 0 or params.target <= 0:
        message = f"a geometric path from {start:g} to {params.target:g} does not exist"
        yield Fault("target", message, "let both be above 0, or use `linear`")


KIND = ShapeKind(
    name="exponential",
    summary="A geometric path from the value before to the target, both above 0.",
    Params=PieceParams,
    value=value,
    check=check,
)

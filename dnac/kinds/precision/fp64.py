"""`fp64`: float64 throughout; for checks."""

from __future__ import annotations

from dnac.kinds.base import PrecisionKind

KIND = PrecisionKind(
    name="fp64",
    summary="float64 throughout; for checks.",
    dtype="float64",
    autocast=None,
)

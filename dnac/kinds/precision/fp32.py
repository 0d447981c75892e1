"""`fp32`: float32 throughout, TF32 off."""

from __future__ import annotations

from dnac.kinds.base import PrecisionKind

KIND = PrecisionKind(
    name="fp32",
    summary="float32 throughout, TF32 off.",
    dtype="float32",
    autocast=None,
)

"""`none`: no noise."""

from __future__ import annotations

from dnac.kinds.base import NoiseKind

KIND = NoiseKind(
    name="none",
    summary="No noise.",
)

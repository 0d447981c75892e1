"""`none`: no noise."""

from __future__ import annotations

from dnac.kinds.noises import NoiseKind

KIND = NoiseKind(
    name="none",
    summary="No noise.",
)

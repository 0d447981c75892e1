"""`none`: generating chooses as training does; a net whose choice looks at later tokens cannot generate."""

from __future__ import annotations

from dnac.kinds.limits import DecodeKind

KIND = DecodeKind(
    name="none",
    summary="As in training; a net whose choice looks at later tokens cannot generate.",
)

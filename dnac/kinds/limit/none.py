"""`none`: no limit: a module takes all tokens that choose it."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="none",
    summary="No limit: a module takes all tokens that choose it.",
)

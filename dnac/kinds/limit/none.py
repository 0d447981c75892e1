"""`none`: no limit: a module takes all tokens that choose it."""

from __future__ import annotations

from dnac.kinds.limits import LimitKind

KIND = LimitKind(
    name="none",
    summary="No limit: a module takes all tokens that choose it.",
)

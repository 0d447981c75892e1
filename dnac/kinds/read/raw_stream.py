"""`raw_stream`: the residual stream h itself, without a norm (DNA). `[h]` says the same."""

from __future__ import annotations

from dnac.kinds.base import ReadKind

KIND = ReadKind(
    name="raw_stream",
    summary="The residual stream h itself, without a norm (DNA). `[h]` says the same.",
    is_stream=True,
)

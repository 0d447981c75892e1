"""`raw_stream`: the residual stream h itself, without a norm (DNA). `[h]` says the same."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="raw_stream",
    summary="The residual stream h itself, without a norm (DNA). `[h]` says the same.",
)

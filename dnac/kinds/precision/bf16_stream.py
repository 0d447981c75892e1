"""`bf16_stream`: as `bf16`, and the residual stream in bfloat16 too: half its traffic, rounded at every step."""

from __future__ import annotations

from dnac.kinds.base import PrecisionKind

KIND = PrecisionKind(
    name="bf16_stream",
    summary="As `bf16`, and the residual stream in bfloat16 too: half its traffic, rounded at every step.",
    dtype="float32",
    autocast="bfloat16",
    stream="bfloat16",
)

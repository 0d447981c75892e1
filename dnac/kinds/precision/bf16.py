"""`bf16`: weights, optimiser state and gates in float32; matrix products in bfloat16 by autocast."""

from __future__ import annotations

from dnac.kinds.base import PrecisionKind

KIND = PrecisionKind(
    name="bf16",
    summary="Weights, optimiser state and gates in float32; matrix products in bfloat16 by autocast.",
    dtype="float32",
    autocast="bfloat16",
)

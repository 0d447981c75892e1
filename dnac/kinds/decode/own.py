"""`own`: while generating, a module takes a token where the router's own score for it is above 0.

With `gate = sigmoid` that is a gate above one half. The router learns to tell by itself who will be taken
where `balance` holds `router_bce` (Mixture-of-Recursions, arXiv 2507.10524, section 2.2.1).
"""

from __future__ import annotations

from dnac.kinds.limits import DecodeKind

KIND = DecodeKind(
    name="own",
    summary="A module takes a token where the router's own score is above 0 (Mixture-of-Recursions, arXiv 2507.10524).",
    is_own=True,
)

"""`network`: one decision for all inputs, as in architecture search (Single-Path NAS, arXiv 1904.02877).

It takes a score that looks at no input: `constant`, learned or written. Such a router is one path for all tokens, the
"constant path" that learned routing is held against.
"""

from __future__ import annotations

from dnac.kinds.scopes import ScopeKind

KIND = ScopeKind(
    name="network",
    summary="One decision for all inputs, by a score that looks at none (Single-Path NAS, arXiv 1904.02877).",
    is_one=True,
)

"""`token`: each token decides for itself (DNA, arXiv 2506.22389; Switch, 2101.03961)."""

from __future__ import annotations

from dnac.kinds.scopes import ScopeKind

KIND = ScopeKind(
    name="token",
    summary="Each token decides for itself (DNA, arXiv 2506.22389).",
)

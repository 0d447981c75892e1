"""`identity`: leaves the stream as it is. A token that chooses it skips the step."""

from __future__ import annotations

from dnac.kinds.base import ModuleKind

KIND = ModuleKind(
    name="identity",
    summary="Leaves the stream as it is; a token that chooses it skips the step (arXiv 2506.22389).",
    expand=lambda params, site: (),
)

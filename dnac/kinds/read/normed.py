"""`normed`: the pool's own norm of the stream, which its members read too (Mixtral, DeepSeek)."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="normed",
    summary="The pool's own norm of the stream, which its members read too (Mixtral, DeepSeek).",
)

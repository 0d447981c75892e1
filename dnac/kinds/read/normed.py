"""`normed`: the pool's own norm of the stream, which its members read too (Mixtral, DeepSeek)."""

from __future__ import annotations

from dnac.kinds.base import ReadKind

KIND = ReadKind(
    name="normed",
    summary="The pool's own norm of the stream, which its members read too (Mixtral, DeepSeek).",
    is_stream=True,
)

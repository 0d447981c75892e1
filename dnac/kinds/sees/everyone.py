"""`everyone`: keys of all tokens of the same sequence, made by this module from the stream of this step."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="everyone",
    summary="Keys of all tokens of the same sequence, made by this module from the stream of this step.",
)

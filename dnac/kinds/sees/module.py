"""`module`: keys of tokens of the same sequence that chose the same module at this or an earlier routing step."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="module",
    summary="Keys of tokens of the same sequence that chose the same module at this or an earlier routing step.",
)

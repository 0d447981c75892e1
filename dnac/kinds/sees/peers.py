"""`peers`: keys of tokens of the same sequence that chose the same module at the same routing step (DNA)."""

from __future__ import annotations

from dnac.kinds.base import Kind

KIND = Kind(
    name="peers",
    summary="Keys of tokens of the same sequence that chose the same module at the same routing step (DNA).",
)

"""`range(start, stop)`: the layers from `start` up to, but not with, `stop`; counted from 0."""

from __future__ import annotations

from pydantic import Field

from dnac.kinds.base import Kind, Params
from dnac.text.limits import MOST_MEMBERS


class RangeParams(Params):
    """Arguments of `range`."""

    start: int = Field(ge=0)
    """The first layer, counted from 0."""
    stop: int = Field(gt=0, le=MOST_MEMBERS)
    """The layer behind the last one."""


KIND = Kind(
    name="range",
    summary="Layers from `start` up to, but not with, `stop`, counted from 0.",
    Params=RangeParams,
)

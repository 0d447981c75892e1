"""`none`: x as it is, and no gain."""

from __future__ import annotations

from dnac.kinds.base import NormKind

KIND = NormKind(name="none", summary="x as it is, and no gain.")

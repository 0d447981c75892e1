"""`none`: no positions. Attention over the tokens of a causal sequence still sees their order."""

from __future__ import annotations

from dnac.kinds.base import PositionsKind

KIND = PositionsKind(name="none", summary="No positions; under a causal mask attention still sees who came before.")

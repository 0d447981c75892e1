"""`none`: a router starts with whatever routes its initial weights give."""

from __future__ import annotations

from dnac.kinds.starts import StartKind

KIND = StartKind(name="none", summary="The routes that the initial weights give.")

"""`exit(of)`: a way out. A token that chooses it leaves the net, or with `exit(loop)` the innermost `repeat`.

It keeps its `h` from then on: routing steps and modules pass it by until the loop has ended (of the net:
until the head), at no cost. An exit is an identity otherwise: it counts as one for `skip_target`.
"""

from __future__ import annotations

from typing import Literal

from dnac.kinds.base import ModuleKind, Params


class ExitParams(Params):
    """Arguments of `exit`."""

    of: Literal["net", "loop"] = "net"
    """What the token leaves: the net, or the innermost `repeat` around the routing step."""


KIND = ModuleKind(
    name="exit",
    summary="A member of a pool that ends a token's way: out of the net, or with `exit(loop)` out of the `repeat`.",
    Params=ExitParams,
)

"""`exit(of)`: a way out. A token that chooses it leaves the net, or with `exit(loop)` the innermost `repeat`.

It keeps its `h` from then on: routing steps and modules pass it by until the loop has ended (of the net:
until the head), at no cost. An exit is an identity otherwise: it counts as one for `skip_target`.

`exit(loop, after = n)` is chosen in front of a loop, once: the token leaves it behind the n-th turn. With `weight` the
turns together count as one module: `h + w (h behind the loop - h)`. It is the token choice of Mixture-of-Recursions
(arXiv 2507.10524, section 2.2), whose own gate weighs each turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from dnac.kinds.base import Fault, ModuleKind, Params, Site


class ExitParams(Params):
    """Arguments of `exit`."""

    of: Literal["net", "loop"] = "net"
    """What the token leaves: the net, or the innermost `repeat` around the routing step."""
    after: Annotated[int, Field(ge=0)] | Literal["place"] | None = None
    """Chosen in front of a `repeat`: how many of its turns the token takes. `place`: as many as the exit's place in its
    member, counted from one."""


def check(params: ExitParams, site: Site) -> Iterator[Fault]:
    """Turns are those of a loop."""
    if params.after is not None and params.of != "loop":
        yield Fault("after", "the net has no turns", "write `exit(loop, after = ...)`")


KIND = ModuleKind(
    name="exit",
    summary="A member of a pool that ends a token's way: out of the net, or with `exit(loop)` out of the `repeat`.",
    Params=ExitParams,
    check=check,
)

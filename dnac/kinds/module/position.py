"""`position(kind, turn)`: positions that are added again inside a loop: those of the token and of the turn.

increment = P[t] + P[turn], P the fixed sines and cosines (Universal Transformer, arXiv 1807.03819, eq. 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault, From, ModuleKind, Ops, Params, Site
from dnac.kinds.words import word

if TYPE_CHECKING:
    from torch import Tensor


class PositionParams(Params):
    """Arguments of `position`."""

    positions: Annotated[Form, From("positions")]
    """Which ones: `sinusoid`."""
    turn: Annotated[int, Field(ge=0)] | None = None
    """The number of the turn, whose position is added too: `repeat 8 as t { position(sinusoid, turn = t); ... }`."""


def check(params: PositionParams, site: Site) -> Iterator[Fault]:
    """Only fixed positions can be added anywhere."""
    if params.positions.name != "sinusoid":
        yield Fault("positions", f"`{params.positions.name}` positions are not added inside a net", "write `sinusoid`")


def forward(params: PositionParams, weights: Any, x: Tensor, ops: Ops) -> Tensor:
    """P of each row's token, and of the turn; [..., D]."""
    import torch

    at = ops.positions()
    table = word("positions", params.positions).at
    made = table(at, x)
    if params.turn is not None:
        made = made + table(torch.full_like(at, params.turn), x)
    return made


KIND = ModuleKind(
    name="position",
    summary="Adds fixed positions of the token, and of the turn, inside a loop (arXiv 1807.03819).",
    Params=PositionParams,
    check=check,
    forward=forward,
)

"""Pieces of a schedule; all take the same arguments."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.params import From, Params, ShareUnit


class PieceParams(Params):
    """Where a piece goes, and until when."""

    target: float
    """The value at its end."""
    until: Annotated[float, ShareUnit("the run"), Field(ge=0, le=1)] | Annotated[Form, From("amount")]
    """When it ends: a share of the run, `steps(n)` or `tokens(n)`, counted from the start of the run."""

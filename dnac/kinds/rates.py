"""`layer_dropout` of a module: a share of the sequences, or a schedule of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import Fault
from dnac.kinds.params import Scheduled, ShareUnit, values_of

LAYER_DROPOUT = "layer_dropout"
Rate = Annotated[Annotated[float, Field(ge=0, lt=1)] | Form, ShareUnit("the sequences"), Scheduled()]


def rate_faults(rate: float | Form) -> Iterator[Fault]:
    """A schedule of it stays a share, and some of the sequences stay."""
    strange = [value for value in values_of(rate) if not 0 <= value < 1]
    if strange:
        message = f"a share of the sequences cannot be {strange[0]:g}"
        yield Fault(LAYER_DROPOUT, message, "write shares from 0 to less than 100%")

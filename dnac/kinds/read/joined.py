"""`joined`: several views side by side. `[h, step, last]` says the same, and is how it is written.

The router reads [h, one-hot of the step, one-hot of the module just left]: D + S + M + 1 features. Under a
linear score z = h W that is z = h W_h + W_step[s] + W_last[l]: a bias of its own for each turn and each module.
"""

from __future__ import annotations

from typing import Annotated

from dnac.ir.form import Form
from dnac.kinds.base import From, Params, ReadKind


class JoinedParams(Params):
    """Arguments of `joined`."""

    views: tuple[Annotated[Form, From("read")], ...]
    """The views, in order."""


KIND = ReadKind(
    name="joined",
    summary="Several views side by side; written as a list: `[h, step, last]`.",
    Params=JoinedParams,
)

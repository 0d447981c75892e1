"""`task`: the loss of the net's own task: cross entropy of the next token, or of the class."""

from __future__ import annotations

from dnac.kinds.base import Kind, Params, Real


class TaskParams(Params):
    """Arguments of `task`."""

    weight: Real = 1.0
    """What multiplies it. `0.5 * task` says the same."""


KIND = Kind(
    name="task",
    summary="The loss of the net's own task: cross entropy of the next token, or of the class.",
    Params=TaskParams,
)

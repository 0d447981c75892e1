"""`distill(teacher, on)`: how far the outputs are from a teacher's (Hinton et al., arXiv 1503.02531).

    tau^2 * mean over targets of KL(softmax(teacher / tau) || softmax(student / tau))

The teacher is a net of the file as it starts (`radial.initial`: the student itself, before training), or a trained run.
It is run without gradients on the same inputs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.kinds.base import Kind, Params, Real


class DistillParams(Params):
    """Arguments of `distill`."""

    teacher: Annotated[str, Field(min_length=1)]
    """`NET.initial`, a net of this file with its first weights; or the folder of a run, relative to the spec."""
    on: Literal["logits"] = "logits"
    """What is compared."""
    tau: float = Field(default=1.0, gt=0)
    """Temperature of both."""
    weight: Real = 1.0
    """What multiplies it. `0.5 * distill(...)` says the same."""


KIND = Kind(
    name="distill",
    summary="The distance of the outputs from a teacher's, as KL(teacher || student) (arXiv 1503.02531).",
    Params=DistillParams,
)

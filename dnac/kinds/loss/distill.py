"""`distill(teacher, on)`: how far the outputs are from a teacher's (Hinton et al., arXiv 1503.02531).

    tau^2 * mean over targets of KL(softmax(teacher / tau) || softmax(student / tau))

The teacher is a net of the file as it starts (`radial.initial`: the student itself, before training), or a trained run.
It is run without gradients on the same inputs.

With `on = residuals` routers learn which layers a token can do without, from what the teacher's layers do:

    ratio[s, t] = |increment of the teacher's layer s| / |stream in front of it|      (`dnac profile`, arXiv 2404.04900)
    wanted[s, t] = ratio[s, t] is not among the `skip` smallest of all pairs in the batch
    mean over steps and targets of the binary cross-entropy of (1 - gate of the identities) and wanted

It reaches the gates alone. Each routing step then has an identity, and the teacher as many modules in a row as the net
has steps. Our own; the paper on Radial Networks profiles ratios and trains no router by them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dnac.kinds.base import Kind, Params, Real, ShareUnit


class DistillParams(Params):
    """Arguments of `distill`."""

    teacher: Annotated[str, Field(min_length=1)]
    """`NET.initial`, a net of this file with its first weights; or the folder of a run, relative to the spec."""
    on: Literal["logits", "residuals"] = "logits"
    """What is compared: outputs, or which layers change the stream enough to run."""
    skip: Annotated[float, ShareUnit("all pairs of token and layer"), Field(gt=0, lt=1)] | None = None
    """With `residuals`: how many pairs shall skip."""
    tau: float = Field(default=1.0, gt=0)
    """Temperature of both, for logits."""
    weight: Real = 1.0
    """What multiplies it. `0.5 * distill(...)` says the same."""


KIND = Kind(
    name="distill",
    summary="The distance of the outputs from a teacher's, as KL(teacher || student) (arXiv 1503.02531).",
    Params=DistillParams,
)

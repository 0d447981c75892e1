"""`relu_tanh(bias)`: relu(tanh(z + bias)), soft with a true zero (DiT, arXiv 2308.03409; Dynamic Routing, 2003.10401).

A gate of exactly 0 is closed: its module does not run, whatever the choice. The bias opens all gates at
the start: scores begin near 0, and relu(tanh(1.5)) = 0.905.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnac.kinds.base import Fault, GateKind, Params

if TYPE_CHECKING:
    from torch import Tensor


class ReluTanhParams(Params):
    """Arguments of `relu_tanh`."""

    bias: float = 1.5
    """Added to the score, so that gates start open; 1.5 is Dynamic Routing's."""


def gate(params: ReluTanhParams, scores: Tensor) -> Tensor:
    """[..., M]; a score of -inf has gate 0."""
    return (scores + params.bias).tanh().relu()


def openness(params: ReluTanhParams, scores: Tensor) -> Tensor:
    """[..., M] in (0, 1): sigmoid(z + bias), which rises where the gate opens and never ends."""
    return (scores + params.bias).sigmoid()


def starts(params: ReluTanhParams) -> Iterator[Fault]:
    """With scores around 0, half of the gates are closed, and no gradient of the task opens them."""
    if params.bias <= 0:
        message = f"a bias of {params.bias:g} starts with half of the gates closed, or more"
        yield Fault("bias", message, "start open: `relu_tanh(bias = 1.5)`")


KIND = GateKind(
    name="relu_tanh",
    summary="relu(tanh(z_i + bias)): a soft gate with a true zero; at 0 a module does not run (arXiv 2308.03409).",
    Params=ReluTanhParams,
    gate=gate,
    openness=openness,
    closes=True,
    starts=starts,
    at_zero=lambda params, size: max(0.0, math.tanh(params.bias)),
)

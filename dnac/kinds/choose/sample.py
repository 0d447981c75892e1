"""`sample(k, eval)`: k different candidates drawn in proportion to gate + bias; `eval` says what evaluation does.

The gates stay as they are; only the choice is drawn, as the k largest of log(gate + bias) + Gumbel noise, which draws
without replacement. A gate of zero or less is drawn only where nothing else is left. Draws belong to (routing seed,
train step, router, sample, position): a resumed run and every lowering draw the same, and at evaluation the train
step is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dnac.kinds.base import ChooseKind, Fault, Params, RouteFacts, RouterOps
from dnac.kinds.choose.gumbel import noise
from dnac.kinds.choose.top import choosable, enough, largest

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-30


class SampleParams(Params):
    """Arguments of `sample`."""

    k: int = Field(gt=0)
    """How many candidates each token draws."""
    eval: Literal["largest", "sample"]
    """At evaluation and while generating: the k largest gates, or a draw there too."""


def fits(params: SampleParams, facts: RouteFacts) -> Iterator[Fault]:
    """A share must be what is drawn from."""
    if facts.gate == "none":
        yield Fault("", "`sample` draws in proportion to gates, and the gate is `none`", "use `softmax` or `sigmoid`")


def draw(params: SampleParams, selection: Tensor, ops: RouterOps) -> Tensor:
    """Gates + bias [B, T, M] to what the choice is made by."""
    import torch

    if not ops.training and params.eval == "largest":
        return selection
    chance = selection.detach().clamp(min=LEAST).log() + noise(selection, ops)
    return torch.where(selection > -torch.inf, chance, -torch.inf)


def choose(params: SampleParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, K]; -1 where no candidate is left."""
    return largest(choosable(selection), params.k)


KIND = ChooseKind(
    name="sample",
    summary="k different candidates drawn in proportion to their gates; the eval rule has no default.",
    Params=SampleParams,
    k=lambda params, size: params.k,
    choose=choose,
    draw=draw,
    check=lambda params, size: enough(params.k, size),
    fits=fits,
)

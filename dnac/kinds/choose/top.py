"""`top(k)`: the k largest of gate + bias, never the same candidate twice (arXiv 2506.22389, eq. 2-3).

k rounds of argmax, each of which takes the winner out: it compiles into one kernel with the gate.
Ties go to the lowest index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import ChooseKind, Fault, Params

if TYPE_CHECKING:
    from torch import Tensor


class TopParams(Params):
    """Arguments of `top`."""

    k: int = Field(gt=0)
    """How many candidates each token chooses."""


def check(params: TopParams, size: int) -> Iterator[Fault]:
    """There must be k candidates."""
    if params.k > size:
        yield Fault("k", f"k is {params.k}, and there are only {size} candidates", f"write a k of at most {size}")


def choose(params: TopParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, K], best first; -1 where no candidate is left."""
    import torch

    # Not NaN, not -inf: a NaN would win every argmax.
    left = selection.detach().masked_fill(selection.isnan(), -torch.inf)
    slots = torch.arange(selection.shape[-1], device=selection.device)
    ids: list[Tensor] = []
    for _ in range(params.k):
        best = left.argmax(-1, keepdim=True)
        ids.append(torch.where(left.amax(-1, keepdim=True) > -torch.inf, best, -1))
        left = left.masked_fill(slots == best, -torch.inf)
    return torch.cat(ids, dim=-1)


KIND = ChooseKind(
    name="top",
    summary="The k largest of gate + bias, ties to the lowest index (arXiv 2506.22389, eq. 2).",
    Params=TopParams,
    k=lambda params, size: params.k,
    choose=choose,
    takes_highest=True,
    check=check,
)

"""`fixed(i)`: always candidate i, whatever the scores say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import ChooseKind, Fault, Params

if TYPE_CHECKING:
    from torch import Tensor


class FixedParams(Params):
    """Arguments of `fixed`."""

    index: int = Field(ge=0)
    """Which candidate, counted from 0 in order of declaration."""


def check(params: FixedParams, size: int) -> Iterator[Fault]:
    """The candidate must exist."""
    if params.index >= size:
        message = f"there is no candidate {params.index}: they are counted from 0 to {size - 1}"
        yield Fault("index", message, f"write an index of at most {size - 1}")


def choose(params: FixedParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, 1]. Scores do not matter, so a folded choice means the same."""
    import torch

    return torch.full((*selection.shape[:-1], 1), params.index, dtype=torch.int64, device=selection.device)


KIND = ChooseKind(
    name="fixed",
    summary="Always candidate i, whatever the scores say; weight one and a frozen router leave no routing code.",
    Params=FixedParams,
    k=lambda params, size: 1,
    choose=choose,
    fixed=lambda params, size: (params.index,),
    check=check,
)

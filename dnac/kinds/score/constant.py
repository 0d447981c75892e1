"""`constant`: the same scores for every token: a learned vector, or values written in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnac.kinds.base import Fault, Params, RouterOps, ScoreKind, Weights, WeightSpec
from dnac.kinds.params import ZEROS

if TYPE_CHECKING:
    from torch import Tensor


class ConstantScoreParams(Params):
    """Arguments of `constant` as a score."""

    values: tuple[float, ...] | None = None
    """One score per candidate, which stays as written. Unsaid: a learned vector that starts at zero."""


def check(params: ConstantScoreParams, size: int) -> Iterator[Fault]:
    """One value per candidate."""
    if params.values is not None and len(params.values) != size:
        yield Fault("values", f"{len(params.values)} values for {size} candidates", f"write {size} values")


def weights(params: ConstantScoreParams, width: int, size: int) -> tuple[WeightSpec, ...]:
    """`value` [M], if it is learned; it does not decay."""
    return () if params.values is not None else (WeightSpec("value", (size,), ZEROS, decays=False),)


def scores(params: ConstantScoreParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, M], alike for all tokens."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    if params.values is None:
        vector = weights["value"].to(dtype)
    else:
        vector = torch.tensor(params.values, dtype=dtype, device=view.device)
    return vector.expand(*view.shape[:-1], -1)


KIND = ScoreKind(
    name="constant",
    summary="The same scores for every token: a learned vector, or the values written.",
    Params=ConstantScoreParams,
    weights=weights,
    scores=scores,
    learns=lambda params: params.values is None,
    is_blind=True,
    written=lambda params: params.values,
    check=check,
)

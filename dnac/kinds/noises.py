"""Kinds of noise while training: on what a router reads, or on its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnac.kinds.base import Kind, Weights
from dnac.kinds.facts import WeightSpec
from dnac.kinds.ops import RouterOps

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class NoiseKind(Kind):
    """Noise while training only.

    perturb(params, view [B, T, D], ops) -> [B, T, D]: on what is read.
    shake(params, weights, view, scores [B, T, M], ops) -> (scores [B, T, M], std): on the scores; `std`, which
        broadcasts to [B, T, M], is the standard deviation of what was added, with its gradient.
    """

    perturb: Callable[[Any, Tensor, RouterOps], Tensor] | None = None
    weights: Callable[[Any, int, int], tuple[WeightSpec, ...]] = lambda params, width, size: ()
    """(params, width of the view, candidates) to declared weights."""
    shake: Callable[[Any, Weights, Tensor, Tensor, RouterOps], tuple[Tensor, Tensor]] | None = None

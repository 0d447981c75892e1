"""`random`: a fresh uniform score per (seed, train step, router, sample, position); top(k) picks any k alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import NoParams, RouterOps, ScoreKind, Weights

if TYPE_CHECKING:
    from torch import Tensor


def scores(params: NoParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, M] in (0, 1); at evaluation the train step is 0, so that every run agrees."""
    import torch

    dtype = torch.promote_types(view.dtype, torch.float32)
    return ops.uniform(ops.candidates, "score").to(dtype)


KIND = ScoreKind(
    name="random",
    summary="A fresh uniform score for every token and train step: the random-routing control.",
    scores=scores,
    learns=lambda params: False,
)

"""`confidence(head, measure)`: how sure a head already is of its outputs, for a halting step (CALM, arXiv 2207.07061).

    top_gap   the largest probability less the second largest (CALM's softmax measure)
    top       the largest probability
    entropy   1 - entropy / log V

Each is in [0, 1], larger where the head is surer. No gradient passes, and there is nothing to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from dnac.kinds.base import Fault, HeadName, Params, RouterOps, ScoreKind, Weights

if TYPE_CHECKING:
    from torch import Tensor


class ConfidenceParams(Params):
    """Arguments of `confidence`."""

    head: Annotated[str, HeadName()]
    """The head that is asked."""
    measure: Literal["top_gap", "top", "entropy"] = "top_gap"
    """What counts as sure."""


def check(params: ConfidenceParams, size: int) -> Iterator[Fault]:
    """One candidate, since it says nothing of which one."""
    if size > 1:
        message = f"all {size} candidates get the same score, so it can only say whether a token leaves"
        help_ = (
            f"write `halt by {{ score = confidence({params.head}); choose = threshold(0.9); when = eval }}` in a loop"
        )
        yield Fault("head", message, help_)


def scores(params: ConfidenceParams, weights: Weights, view: Tensor, ops: RouterOps) -> Tensor:
    """[B, T, M], alike for all candidates."""
    import torch

    logits = ops.logits(view)
    if params.measure == "entropy":
        logs = logits.log_softmax(-1)
        sure = 1 + (logs.exp() * logs).sum(-1) / torch.log(torch.tensor(float(logits.shape[-1]), dtype=logits.dtype))
    else:
        shares = logits.softmax(-1)
        best, at = shares.max(-1, keepdim=True)
        if params.measure == "top_gap":  # two maxima: a compiler makes kernels of them, and none of `topk`
            best = best - shares.scatter(-1, at, 0).amax(-1, keepdim=True)
        sure = best[..., 0]
    return sure[..., None].expand(*view.shape[:-1], ops.candidates)


KIND = ScoreKind(
    name="confidence",
    summary="How sure a head already is, in [0, 1] (CALM, arXiv 2207.07061).",
    Params=ConfidenceParams,
    check=check,
    scores=scores,
    learns=lambda params: False,
    is_chance=True,
    head=lambda params: params.head,
)

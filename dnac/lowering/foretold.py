"""Scores that foretell whether a head here already says what it says at the end: their loss, once the end is there.

B sequences, T tokens, V outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from dnac.kinds.present import mean_over_present
from dnac.lowering.routing import Routing


class Foretold(NamedTuple):
    """What one halting step has said."""

    weight: float
    score_BT: Tensor
    """[B, T] the logit of agreement."""
    best: Tensor
    """[B, T] the head's best output here, or [B] of images."""
    ids_BTK: Tensor
    """[B, T, K] choices; tokens that had left are told by them."""


def said(weight: float, routing: Routing, head: Callable[[], Tensor]) -> Foretold:
    """What a halting step says, and what its head would; no gradient passes through the head."""
    with torch.no_grad():
        best = head().argmax(-1)
    return Foretold(weight, routing.load.scores[..., 0], best, routing.load.ids)


def loss_of(said: Sequence[Foretold], logits: Tensor) -> Tensor | None:
    """The sum over steps of weight times the mean cross-entropy with what came true; `logits` [B, T, V] or [B, V]."""
    if not said:
        return None
    end = logits.detach().argmax(-1)
    total = torch.zeros((), dtype=said[0].score_BT.dtype, device=end.device)
    for each in said:
        agrees = (each.best == end).to(total.dtype)
        agrees = agrees if agrees.dim() == each.score_BT.dim() else agrees[:, None].expand_as(each.score_BT)
        losses_BT = binary_cross_entropy_with_logits(each.score_BT, agrees, reduction="none")
        total = total + each.weight * mean_over_present(losses_BT, each.ids_BTK)
    return total

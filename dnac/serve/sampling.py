"""From logits to the next token. V is the size of the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """Rules, applied in this order: temperature, top-k, top-p, then one draw.

    Raises:
        ValueError: a value out of range.
    """

    temperature: float = 1.0
    """Logits are divided by it; 0 takes the largest (the lowest id of equals)."""
    top_k: int | None = None
    """Only the k largest logits; of equals those of lower id."""
    top_p: float | None = None
    """Only the fewest largest probabilities that sum to at least p (Holtzman et al., arXiv 1904.09751)."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError("the temperature must be 0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError("top-k must be 1 or more")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError("top-p must be above 0 and at most 1")


def probabilities(logits_V: Tensor, rule: Sampling) -> Tensor:
    """[V] float64: what the next token is drawn from."""
    logits = logits_V.detach().cpu().double()
    if rule.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(), len(logits)).double()
    sorted_V, ids_V = (logits / rule.temperature).sort(descending=True, stable=True)
    kept = torch.ones_like(sorted_V, dtype=torch.bool)
    if rule.top_k is not None:
        kept[rule.top_k :] = False
    probs = sorted_V.masked_fill(~kept, -torch.inf).softmax(-1)
    if rule.top_p is not None:
        probs = probs.masked_fill(probs.cumsum(-1) - probs >= rule.top_p, 0.0)
    return torch.zeros_like(probs).scatter(0, ids_V, probs / probs.sum())


def draw(logits_V: Tensor, rule: Sampling, random: torch.Generator) -> int:
    """One token. One uniform number is used for each, so equal seeds give equal texts on any device."""
    probs = probabilities(logits_V, rule)
    point = torch.rand((), generator=random, dtype=torch.float64) * probs.sum()
    drawn = int(torch.searchsorted(probs.cumsum(0), point, right=True).clamp(max=len(probs) - 1))
    return drawn if probs[drawn] > 0 else int(probs.argmax())

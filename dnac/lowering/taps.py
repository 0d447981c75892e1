"""The losses of taps. Of taps that take turns, one of several asks its head at each train step: a step pays for one.

Those with the same `every` = R stand in groups of R, in order; of each group the one at `step` modulo R counts. That is
the rotating curriculum of LayerSkip (Elhoushi et al., arXiv 2404.16710, section 4.1.2). Which one it is, is a value: a
compiled program holds one head for a group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from dnac.lowering.base import TapLoss


class Waiting(NamedTuple):
    """A tap until it is settled whose turn it is."""

    every: int
    head: Callable[[Tensor], Tensor]
    x: Tensor
    """[B, T, D] what the head would read."""
    weight: float
    share: Tensor | None
    """See `TapLoss`."""


class _Turns(Protocol):
    @property
    def every(self) -> int: ...


T = TypeVar("T", bound=_Turns)


def taps_in_turns(taps: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Groups of which one tap counts at a time: at most `every` of those that say the same number, in order."""
    for every in dict.fromkeys(tap.every for tap in taps):
        same = [tap for tap in taps if tap.every == every]
        yield from (tuple(same[first : first + every]) for first in range(0, len(same), every))


def one_head(taps: Sequence[Waiting], step: Tensor | int) -> TapLoss:
    """The head on the stream whose turn it is. A group with fewer taps than turns counts nothing in those left over."""
    if taps[0].every == 1:
        return TapLoss(taps[0].head(taps[0].x), taps[0].weight, taps[0].share)
    x, first, place = taps[0].x, taps[0].weight, step % taps[0].every
    if not isinstance(place, Tensor):
        place = torch.tensor(place, device=x.device)
    weight = torch.where(place == 0, first, torch.zeros((), dtype=torch.float64, device=x.device))
    for n, tap in enumerate(taps[1:], 1):
        x, weight = torch.where(place == n, tap.x, x), torch.where(place == n, tap.weight, weight)
    return TapLoss(taps[0].head(x), weight, None)

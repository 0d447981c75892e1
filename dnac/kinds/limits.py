"""Kinds that decide for a module which of the tokens that want it may come, and what stands in while generating."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnac.ir.form import Form
from dnac.kinds.base import Fault, Kind, RouteFacts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Room:
    """What a limit knows of its place."""

    tokens: int
    """T of a full sequence: the context of a text, or the tokens of an image."""
    k: int
    """Slots per token."""
    free: tuple[int, ...] = ()
    """Slots of identities: they do no work, so nothing limits them."""


@dataclass(frozen=True, eq=False)
class LimitKind(Kind):
    """How many choices a module takes: `admit(params, ids [B,T,K], gates [B,T,M], room) -> ids`, the
    same ids with -1 where a choice is refused. Forced choices pass it too, so refused ones stay refused.

    `most(params, size, room)`: how many of the T tokens of a sequence a module takes at most; None:
    all. It must not depend on how long a text is so far, or a limit could not be causal.
    """

    admit: Callable[[Any, Tensor, Tensor, Room], Tensor] | None = None
    most: Callable[[Any, int, Room], int | None] = lambda params, size, room: None
    check: Callable[[Any, RouteFacts], Iterable[Fault]] = lambda params, facts: ()
    is_causal: Callable[[Any], bool] = lambda params: True
    is_row_independent: Callable[[Any], bool] = lambda params: True


@dataclass(frozen=True, eq=False)
class DecodeKind(Kind):
    """How to choose while generating, where the choice of training looks at later tokens.

    score(params) -> a word of `score` over the candidates, whose weights stand under `decode` of the
    router; None: as in training. A module takes a token where its score is above zero. The score reads
    the router's view without gradient: what the network learns does not depend on it.
    loss(params, scores [B,T,K], taken [B,T,K]) -> scalar, added to the training loss.
    """

    score: Callable[[Any], Form | None] = lambda params: None
    loss: Callable[[Any, Tensor, Tensor], Tensor] | None = None
    is_own: bool = False
    """Whether the router's own score stands in."""

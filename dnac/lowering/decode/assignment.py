"""Which module each row of a bank belongs to, in a decoder with static shapes.

B sequences, n new tokens, K rows of a token, N = B n K rows, M modules of the bank.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dnac.kinds.present import AWAY
from dnac.lowering.decode.stores import NOBODY
from dnac.lowering.device import constant
from dnac.lowering.routing import Routing


@dataclass(frozen=True)
class Assignment:
    """Whose the rows of one bank are. With `every` each token has a row for each module, in their order."""

    modules: int = 1
    K: int = 1
    place: Tensor | None = None
    """[N] int64: the place of each row's module in the bank, 0 for dead rows, which are computed and then dropped;
    None: one module has all rows."""
    every: bool = False
    order: Tensor | None = None
    """[N] the rows by module, dead ones last, of many tokens; else None."""
    back: Tensor | None = None
    """[N] the way back."""
    ends: Tensor | None = None
    """[M] int32: where each module's rows end in that order."""


def assigned(place: Tensor, modules: int, *, is_one: bool) -> Assignment:
    """The rows of `place` [B, n, K], -1 for those of no module here; `is_one`: whether n is 1."""
    K, own = place.shape[-1], place.clamp(min=0).flatten()
    if is_one:
        return Assignment(modules, K, own)
    group = torch.where(place < 0, modules, place).flatten()
    order = group.argsort(stable=True)
    ends = (group[:, None] == torch.arange(modules, device=group.device)).sum(0).cumsum(0).to(torch.int32)
    return Assignment(modules, K, own, order=order, back=order.argsort(), ends=ends)


def of_every_module(routing: Routing, slots: tuple[int, ...], sees: str) -> tuple[Assignment, Tensor, Tensor | None]:
    """Rows of each module on each token, their owners and inner scales [B, n, M]: `everyone` leaves keys of all tokens,
    `copied` those of its own and of tokens that have left.
    """
    known = constant(slots, torch.int64, routing.ids.device)
    places = torch.arange(len(slots), device=known.device).expand(*routing.ids.shape[:2], -1)
    owner, inner = places, None
    if sees == "copied":
        away = routing.load.ids[..., :1] == AWAY
        chosen = (routing.ids[..., None] == known).any(2)
        owner = torch.where(chosen | away, places, NOBODY)
    if routing.inner is not None:
        inner = torch.where(routing.ids[..., None] == known, routing.inner[..., None], 0).sum(2)
    return Assignment(len(slots), len(slots), places.flatten(), every=True), owner, inner


def places_of(slots: tuple[int, ...], size: int) -> tuple[int, ...] | None:
    """The place in a bank of each of `size` candidates, -1 for others and, behind them all, for nothing; None where
    the bank holds all candidates in their order, and a slot is its place.
    """
    if slots == tuple(range(size)):
        return None
    return tuple(slots.index(slot) if slot in slots else -1 for slot in range(size + 1))

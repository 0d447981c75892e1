"""Modules on the tokens that chose them, behind those whose rows a cache holds: who runs, and what comes of it.

B sequences, n new tokens of each, D width; R rows of a module: one for each token that runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dnac.lowering.decode.cache import Cache, Rows
from dnac.lowering.decode.newest import Weigh
from dnac.lowering.decode.ops import CachedOps
from dnac.lowering.frame import Frame
from dnac.lowering.modules import PartPlan, increment
from dnac.lowering.turns import Turn


@dataclass
class LaterFrame(Frame):
    """A frame of tokens that stand behind others."""

    cache: Cache | None = None
    ran: int = 0
    """Runs of modules so far in this pass."""
    first: dict[int, int] = field(default_factory=dict)
    """Of each module, the run at which it could run first."""

    def positions(self) -> Tensor:
        """[n] int64: position in the sequence."""
        assert self.cache is not None
        return self.cache.tokens + torch.arange(self.tokens, device=self.inputs.device)


def later(turn: Turn) -> LaterFrame:
    """The frame of a turn."""
    assert isinstance(turn.frame, LaterFrame)
    return turn.frame


def cache_of(turn: Turn) -> Cache:
    """What earlier tokens left."""
    cache = later(turn).cache
    assert cache is not None
    return cache


@dataclass(frozen=True)
class Picked:
    """A module on some tokens of one turn."""

    turn: Turn
    runs: Tensor
    """[B, n] bool: the tokens that run it."""
    who: tuple[Any, ...]
    """Under which key its rows are kept; see `cache`."""
    here: Tensor | None = None
    """[B, n] bool: the tokens whose stream it changes, of those that run; None: all."""
    sees: str = "peers"
    only: str = "whole"
    """The pass: `keys`, `queries` or `whole`; see `history`."""
    first: int = 0
    """For `sees = first`: the run of modules in a pass at which this one could run first."""

    def increments(self, plans: tuple[PartPlan, ...], weights: Weigh, x: Tensor, inner: Tensor | None) -> Tensor:
        """[R, D] of tokens x [B, n, D]; `inner` [B, n] scales the last part."""
        own, here = (None if each is None else each[self.runs] for each in (inner, self.here))
        rows = self._rows()
        return increment(plans, weights, x[self.runs], lambda plan: self._ops(plan, rows), own, None, here)

    def _rows(self) -> Rows:
        """Whose the rows are."""
        frame = later(self.turn)
        sample, token = self.runs.nonzero(as_tuple=True)
        return Rows(sample, frame.positions()[token], torch.full_like(sample, frame.ran))

    def _ops(self, plan: PartPlan, rows: Rows) -> CachedOps:
        key = self.who if self.who == ("history",) else (*self.who, plan.name)
        earlier, first = self.sees in ("module", "first", "history"), self.first if self.sees == "first" else None
        keeps, looks = self.only != "queries", self.only != "keys"
        return CachedOps(self.turn.frame, cache_of(self.turn), key, rows, earlier, keeps, looks, first)


def spread(like: Tensor, runs: Tensor, rows: Tensor) -> Tensor:
    """Rows [R, D] at their tokens of `runs` [B, n]; zero elsewhere."""
    whole = like.new_zeros((*runs.shape, rows.shape[-1]), dtype=rows.dtype)
    whole[runs] = rows
    return whole

"""What tokens leave for later ones: rows of a module at a place, with whose they are.

A key names who may look: a routing step (or a place without a router) and a module; the module alone where tokens see
what it did at earlier steps; or all routing steps that share one history. Limits keep the choices of each token.
J rows so far, R new ones.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

FIRST = 64
"""Rows for which there is room at first."""


class Rows(NamedTuple):
    """Whose rows are, each [R] int64."""

    sample: Tensor
    position: Tensor
    step: Tensor
    """How many runs of modules came before in the same pass: earlier routing steps have smaller numbers."""


class Kept:
    """Tensors that grow along their first axis; room is doubled, so that adding a row copies few."""

    def __init__(self) -> None:
        self.length = 0
        self._room: tuple[Tensor, ...] = ()

    def add(self, *tensors: Tensor) -> None:
        """Rows [R, ...] of each tensor behind those that are there."""
        end = self.length + len(tensors[0])
        if not self._room or end > len(self._room[0]):
            self._grow(tensors, end)
        for whole, part in zip(self._room, tensors, strict=True):
            whole[self.length : end] = part
        self.length = end

    def all(self) -> tuple[Tensor, ...]:
        """[J, ...] of each, in the order in which they came."""
        return tuple(whole[: self.length] for whole in self._room)

    def _grow(self, like: tuple[Tensor, ...], wanted: int) -> None:
        size = max(FIRST, wanted, 2 * self.length)
        room = tuple(t.new_empty((size, *t.shape[1:])) for t in like)
        for new, old in zip(room, self._room, strict=bool(self._room)):
            new[: self.length] = old[: self.length]
        self._room = room


@dataclass
class Cache:
    """All that has been kept of the sequences of one batch."""

    tokens: int = 0
    """How many tokens of each sequence have been read."""
    kept: dict[Hashable, Kept] = field(default_factory=dict)

    def at(self, key: Hashable) -> Kept:
        """What is kept under a key; nothing at first."""
        return self.kept.setdefault(key, Kept())

    @property
    def bytes(self) -> int:
        """Bytes of all rows that are kept, without the room for more."""
        return sum(t.numel() * t.element_size() for kept in self.kept.values() for t in kept.all())


def visible(queries: Rows, keys: Rows, reach: Tensor, *, only_this_step: bool) -> Tensor:
    """[R, J] bool: rows of the same sequence that are in reach [R, J], of this routing step or an earlier one too."""
    same = queries.sample[:, None] == keys.sample
    steps = keys.step - queries.step[:, None]
    return same & reach & ((steps == 0) if only_this_step else (steps <= 0))

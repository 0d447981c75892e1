"""Room for what tokens leave, laid out before they come: tensors of the context's length, so that shapes never change.

A family is what one attention may look at: the rows of one place; those of a part of a module at all routing steps
(`sees = module`); or one history. It holds bands, one for each place that writes to it, in the order in which they
run: a place looks at the bands up to its own. Rows of the context that nobody has written belong to nobody.

B sequences, C context, R rows of a token in all bands of a family, K of one band, n new tokens.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch
from torch import Tensor

NOBODY = -1
"""Whose rows are that no module made, and those that have not been written."""


@dataclass
class Family:
    """Keys, values and owners of one family."""

    k: Tensor | None = None
    """[B, R, C, G, E]"""
    v: Tensor | None = None
    owner: Tensor | None = None
    """[B, R, C] int64: whose rows are, as numbers that tell apart who must be; None: all look at all."""
    bands: dict[Hashable, tuple[int, int]] = field(default_factory=dict)
    """First row and number of rows of each band."""
    looked: dict[Hashable, int] = field(default_factory=dict)
    """How many rows each band looks at."""

    @property
    def rows(self) -> int:
        """R."""
        return 0 if self.k is None else self.k.shape[1]


@dataclass
class Stores:
    """All that is kept of one batch of sequences."""

    context: int
    families: dict[Hashable, Family] = field(default_factory=dict)

    def write(self, family: Hashable, band: Hashable, at: Tensor, k: Tensor, v: Tensor, owner: Tensor | None) -> None:
        """Rows k and v [B, n, K, G, E] of `owner` [B, n, K] at positions `at` [n]. Room is made at the first call."""
        whole = self.families.setdefault(family, Family())
        if band not in whole.bands:
            self._make_room(whole, band, k, v, owner)
        first, count = whole.bands[band]
        for room, new in ((whole.k, k), (whole.v, v), (whole.owner, owner)):
            if room is not None and new is not None:
                room[:, first : first + count].index_copy_(2, at, new.transpose(1, 2).to(room.dtype))

    def seen(self, family: Hashable, band: Hashable, *, alone: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values [B, r C, G, E] of the bands that a band looks at, and their owners [B, r, C]: of its own if
        `alone`, else of all that had been written when it first looked.
        """
        whole = self.families[family]
        assert whole.k is not None and whole.v is not None
        first, count = whole.bands[band]
        last = first + count if alone else whole.looked.setdefault(band, whole.rows)
        rows = slice(first if alone else 0, last)
        k, v = (room[:, rows].flatten(1, 2) for room in (whole.k, whole.v))
        return k, v, None if whole.owner is None else whole.owner[:, rows]

    def forget(self) -> None:
        """Begin anew; the room stays."""
        for whole in self.families.values():
            if whole.owner is not None:
                whole.owner.fill_(NOBODY)

    @property
    def bytes(self) -> int:
        """Bytes of all rooms, written or not."""
        rooms = (room for whole in self.families.values() for room in (whole.k, whole.v, whole.owner))
        return sum(room.numel() * room.element_size() for room in rooms if room is not None)

    def _make_room(self, whole: Family, band: Hashable, k: Tensor, v: Tensor, owner: Tensor | None) -> None:
        whole.bands[band] = (whole.rows, k.shape[2])

        def with_room(room: Tensor | None, like: Tensor, value: float) -> Tensor:
            new = like.new_full((like.shape[0], like.shape[2], self.context, *like.shape[3:]), value)
            return new if room is None else torch.cat((room, new), dim=1)

        whole.k, whole.v = with_room(whole.k, k, 0), with_room(whole.v, v, 0)
        if owner is not None:
            whole.owner = with_room(whole.owner, owner, NOBODY)

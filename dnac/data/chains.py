"""The stream of `lookups`: drawn, never stored. B samples, T context, E chains of a sample, D look-ups at most."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from dnac.data import errors
from dnac.data.base import IGNORED, Batch, Card, Place
from dnac.data.order import draws
from dnac.text.diagnostic import Faults

if TYPE_CHECKING:
    from dnac.data.datasets.lookups import LookupsParams

_TABLES, _CHAINS = 11, 12
"""Purposes of drawing, told apart from those of other data."""
FREE = -1
"""Difficulty of a token that is drawn freely: no target."""


class Chains:
    """A split (`Dataset`). A sample follows from the split, the seeds and its number; in training, its position."""

    bytes_per_token: float | None = None

    def __init__(self, params: LookupsParams, place: Place) -> None:
        context, vocabulary = place.input["context"], place.input["vocabulary"]
        assert isinstance(context, int) and isinstance(vocabulary, int)
        self.vocabulary, self._context, self._params = params.values + params.tables + 1, context, params
        if vocabulary < self.vocabulary:
            raise Faults(errors.task_vocabulary("lookups", self.vocabulary, vocabulary))
        self.tables = _permutations(params)
        self.samples = params.samples
        first, difficulty = self._drawn(np.arange(min(params.samples, 256)), 0)
        self.length_tokens = round(float((difficulty >= 0).mean()) * self.samples * context)
        stamp = f"{params.model_dump_json()} {context} ".encode() + first.astype("<i8").tobytes()
        self.fingerprint = sha256(stamp).hexdigest()
        self.card = Card(
            f"lookups {params.split}",
            f"{params.tables} permutations of {params.values} values, seed {params.seed}",
            "made by dnac",
            f"unlimited; {self.samples:,} samples of {context} tokens at an evaluation",
            self.fingerprint,
            (f"1 to {params.depth} look-ups, then {params.copies} copies; sha256 of the parameters and first samples",),
        )

    def batches(self, batch_size: int, seed: int, position: int = 0) -> Iterator[Batch]:
        """Batches without end, each sample once, from `position` samples after the start of the run."""
        while True:
            yield self._batch(np.arange(position, position + batch_size), seed + 1)
            position += batch_size

    def sequential(self, batch_size: int) -> Iterator[Batch]:
        """The first `samples` samples, which no training seed draws."""
        for first in range(0, self.samples, batch_size):
            yield self._batch(np.arange(first, min(first + batch_size, self.samples)), 0)

    def difficulty(self, samples: np.ndarray) -> np.ndarray:
        """[B, T] int64 look-ups that each target of `sequential`'s samples needs; -1 where there is none."""
        return self._drawn(np.asarray(samples), 0)[1]

    def _batch(self, samples: np.ndarray, stream: int) -> Batch:
        import torch

        ids, difficulty = self._drawn(samples, stream)
        targets = np.where(difficulty == FREE, IGNORED, ids[:, 1:])
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (ids[:, :-1], targets, samples)))

    def _drawn(self, samples: np.ndarray, stream: int) -> tuple[np.ndarray, np.ndarray]:
        """[B, T + 1] ids and [B, T] difficulty of the targets, from one number for each place of each chain."""
        p, count = self._params, len(samples)
        chains = -(-(self._context + 1) // (4 + p.copies))  # the shortest is x, a table, `=`, y and its copies
        which = samples[:, None].astype(np.uint64) * np.uint64(chains * (p.depth + 2))
        places = which + np.arange(chains * (p.depth + 2), dtype=np.uint64)
        drawn_BEP = _draws(p, stream, places).reshape(count, chains, p.depth + 2)
        lengths_BE = (drawn_BEP[..., 0] % np.uint64(p.depth)).astype(np.int64) + 1
        start_BE = (drawn_BEP[..., 1] % np.uint64(p.values)).astype(np.int64)
        asked_BED = (drawn_BEP[..., 2:] % np.uint64(p.tables)).astype(np.int64)
        return self._written(start_BE, asked_BED, lengths_BE)

    def _written(
        self, start_BE: np.ndarray, asked_BED: np.ndarray, lengths_BE: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Chains side by side, cut at T + 1."""
        p, wide = self._params, self._context + 1
        room = wide + p.depth + 3 + p.copies
        ids = np.zeros((len(start_BE), room), np.int64)
        difficulty = np.full((len(start_BE), room), FREE, np.int64)
        ends_BE = np.cumsum(lengths_BE + 3 + p.copies, axis=1)
        begin_BE = np.minimum(ends_BE - (lengths_BE + 3 + p.copies), wide)  # a chain beyond the end lands behind it
        rows = np.broadcast_to(np.arange(len(start_BE))[:, None], begin_BE.shape)
        ids[rows, begin_BE] = value_BE = start_BE
        for d in range(p.depth):
            more = d < lengths_BE
            ids[rows[more], (begin_BE + 1 + d)[more]] = p.values + asked_BED[..., d][more]
            value_BE = np.where(more, self.tables[asked_BED[..., d], value_BE], value_BE)
        ids[rows, begin_BE + lengths_BE + 1] = p.values + p.tables
        for copy in range(p.copies + 1):
            place = begin_BE + lengths_BE + 2 + copy
            ids[rows, place] = value_BE
            difficulty[rows, place] = 0 if copy else lengths_BE
        return ids[:, :wide], difficulty[:, 1:wide]


def _permutations(params: LookupsParams) -> np.ndarray:
    """[tables, values] int64: the order that sorts drawn numbers is a permutation."""
    places = np.arange(params.tables * params.values)
    return draws(params.seed, 0, _TABLES, places).reshape(params.tables, params.values).argsort(axis=1, kind="stable")


def _draws(params: LookupsParams, stream: int, places: np.ndarray) -> np.ndarray:
    split = 0 if params.split == "train" else 1
    return draws(params.seed, 2 * stream + split, _CHAINS, places)

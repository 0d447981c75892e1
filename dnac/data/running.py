"""Sequences with a target at each place that follows from all ids so far: here the parity of bits. N samples, T ids."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from dnac.data import errors
from dnac.data.answers import Answers, Split, members
from dnac.data.base import Batch, Card, Place
from dnac.text.diagnostic import Faults

MOST_BITS = 16
"""All sequences of so many bits are written out."""


class Parity(Answers):
    """A split of all sequences of T bits (`Dataset`): [N, T] bits, and at each place the parity of all so far."""

    def __init__(self, split: Split, place: Place) -> None:
        context, vocabulary = place.input["context"], place.input["vocabulary"]
        assert isinstance(context, int) and isinstance(vocabulary, int)
        if context > MOST_BITS:
            raise Faults(errors.task_length("parity", MOST_BITS, context))
        if vocabulary < 2:
            raise Faults(errors.task_vocabulary("parity", 2, vocabulary))
        bits = (np.arange(2**context, dtype=np.int64)[:, None] >> np.arange(context)) & 1
        self._ids = bits[members(len(bits), split)]
        if not len(self._ids):
            raise Faults(errors.nothing_in_split("parity", split.part, len(bits)))
        self.samples = len(self._ids)
        self.length_tokens = self._ids.size
        digest = sha256(f"parity {self._ids.shape} ".encode() + self._ids.astype("<i8").tobytes()).hexdigest()
        size = f"{self.samples:,} of {len(bits):,} sequences of {context} bits"
        notes = (f"split {split.part}: {split.valid:.0%} held out by seed {split.seed}",)
        self.card = Card(
            f"parity {split.part}", f"all sequences of {context} bits", "made by dnac", size, digest, notes
        )
        self.fingerprint = digest

    def difficulty(self, samples: np.ndarray) -> np.ndarray:
        """[B, T] int64: bits that a place's parity is of."""
        return np.broadcast_to(np.arange(1, self._ids.shape[1] + 1), (len(samples), self._ids.shape[1]))

    def _batch(self, samples: np.ndarray) -> Batch:
        import torch

        bits = self._ids[samples]
        return Batch(*(torch.from_numpy(a) for a in (bits, bits.cumsum(1) % 2, samples)))

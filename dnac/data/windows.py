"""Windows of a fixed number of tokens over a token store. N tokens, T context, B batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dnac.data import errors
from dnac.data.base import IGNORED, Batch, Card
from dnac.data.order import draws, order
from dnac.data.token_store import TokenStore
from dnac.text.diagnostic import Faults

_SHIFT = 1


class TokenWindows:
    """`stream`: the whole text is one row of ids, cut every T; a window may span documents.
    `documents`: each document is cut for itself, its last window padded with ignored targets.

    In a stream each epoch after the first starts at a place of its own below T, so that a net
    trained for many epochs does not see the same windows again and again. The last window ends at
    the end of the text.
    """

    def __init__(self, store: TokenStore, context: int, packing: str, card: Card) -> None:
        self.store, self.context, self.packing, self.card = store, context, packing, card
        self.fingerprint = card.sha256
        self.bytes_per_token = store.bytes_per_token
        if packing == "documents":
            self._starts, self._lengths = _document_windows(store, context)
            self.samples = len(self._starts)
            self.length_tokens = int(self._lengths.sum())
        else:
            self._starts, self._lengths = _stream_windows(len(store.tokens), context)
            self.samples = max(0, len(store.tokens) - 1) // context
            self.length_tokens = self.samples * context
        if self.samples == 0:
            raise Faults(errors.corpus_too_short(card.name, len(store.tokens), context + 1))

    def batches(self, batch_size: int, seed: int, position: int = 0) -> Iterator[Batch]:
        """Batches without end from `position` samples after the start of the run."""
        while True:
            turns = np.arange(position, position + batch_size)
            epochs, turns = turns // self.samples, turns % self.samples
            samples = np.empty(batch_size, np.int64)
            shifts = np.zeros(batch_size, np.int64)
            for epoch in np.unique(epochs):
                here = epochs == epoch
                samples[here] = order(seed, int(epoch), turns[here], self.samples)
                shifts[here] = self._shift(seed, int(epoch))
            yield self._batch(samples, shifts)
            position += batch_size

    def sequential(self, batch_size: int) -> Iterator[Batch]:
        """Every token but the first (of a stream, or of each document) as a target once."""
        for first in range(0, len(self._starts), batch_size):
            samples = np.arange(first, min(first + batch_size, len(self._starts)))
            yield self._batch(samples, np.zeros(len(samples), np.int64))

    def _shift(self, seed: int, epoch: int) -> int:
        """Where the first window of an epoch starts."""
        if self.packing == "documents" or epoch == 0:
            return 0
        return int(draws(seed, epoch, _SHIFT, np.zeros(1))[0] % np.uint64(self.context))

    def _batch(self, samples: np.ndarray, shifts: np.ndarray) -> Batch:
        import torch

        starts, lengths = self._starts[samples], self._lengths[samples]
        if shifts.any():
            starts = np.minimum(starts + shifts, len(self.store.tokens) - 1 - lengths)
        steps = np.arange(self.context + 1)
        places = np.minimum(starts[:, None] + steps, (starts + lengths)[:, None])
        window = self.store.tokens[places].astype(np.int64)
        targets = np.where(steps[:-1] < lengths[:, None], window[:, 1:], IGNORED)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (window[:, :-1], targets, samples)))


def _stream_windows(tokens: int, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and numbers of targets; the last window holds what is left."""
    starts = np.arange(0, max(0, tokens - 1), context)
    return starts, np.minimum(context, tokens - 1 - starts)


def _document_windows(store: TokenStore, context: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for each document; one of a single token has no target and is left out."""
    ends = store.ends.astype(np.int64)
    begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    counts = np.maximum(0, -(-(ends - begins - 1) // context))
    which = np.repeat(np.arange(len(ends)), counts)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = begins[which] + turn * context
    return starts, np.minimum(context, ends[which] - 1 - starts)

"""Tasks whose every sample is a question and its answer, as ids: only the answer's places are targets.

A task is small enough to be written out whole, so what is held out is decided sample by sample, by a
seed of its own: training and held-out samples never meet, and every run of a file has the same split.
N samples, L ids of a sample, T = L - 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from dnac.data import errors
from dnac.data.base import IGNORED, Batch, Card, Place
from dnac.data.order import order
from dnac.text.diagnostic import Faults

_SPLIT = 2
"""Purpose of the split's permutation, told apart from the epochs of training."""


@dataclass(frozen=True)
class Split:
    """Which samples: a part, the share that is held out, and the seed that says which those are."""

    part: str
    """`train`, `valid` or `all`."""
    valid: float
    seed: int


@dataclass(frozen=True)
class Task:
    """A task written out whole."""

    name: str
    source: str
    ids: np.ndarray
    """[N, L] int64: question and answer."""
    answer: int
    """Where the answer begins: ids from there on are targets."""
    vocabulary: int
    notes: tuple[str, ...] = ()
    targets: np.ndarray | None = None
    """[N, L] int64: what each place asks for, where that is not the next id; then `answer` is 0."""

    @property
    def length(self) -> int:
        """T, the tokens of a sample that a net reads."""
        return self.ids.shape[1] - (self.targets is None)


class Answers:
    """A split of a task (`Dataset`). Targets are the ids of the answer, `IGNORED` elsewhere."""

    answers = True
    """A sample is right as a whole or not: `exact_match` of an evaluation."""
    bytes_per_token: float | None = None

    def __init__(self, task: Task, split: Split, place: Place) -> None:
        _require_fit(task, place)
        chosen = members(len(task.ids), split)
        self._ids, self._answer = task.ids[chosen], task.answer
        self._targets = None if task.targets is None else task.targets[chosen]
        if not len(self._ids):
            raise Faults(errors.nothing_in_split(task.name, split.part, len(task.ids)))
        self.samples = len(self._ids)
        self.length_tokens = self.samples * (task.ids.shape[1] - task.answer)
        asked = b"" if self._targets is None else self._targets.astype("<i8").tobytes()
        stamp = f"{task.answer} {self._ids.shape} ".encode() + self._ids.astype("<i8").tobytes() + asked
        digest = sha256(stamp).hexdigest()
        size = f"{self.samples:,} of {len(task.ids):,} samples of {task.ids.shape[1]} ids"
        notes = (*task.notes, f"split {split.part}: {split.valid:.0%} held out by seed {split.seed}")
        self.card = Card(f"{task.name} {split.part}", task.source, "made by dnac", size, digest, notes)
        self.fingerprint = digest

    def batches(self, batch_size: int, seed: int, position: int = 0) -> Iterator[Batch]:
        """Batches without end from `position` samples after the start of the run."""
        while True:
            turns = np.arange(position, position + batch_size)
            epochs, turns = turns // self.samples, turns % self.samples
            samples = np.empty(batch_size, np.int64)
            for epoch in np.unique(epochs):
                here = epochs == epoch
                samples[here] = order(seed, int(epoch), turns[here], self.samples)
            yield self._batch(samples)
            position += batch_size

    def sequential(self, batch_size: int) -> Iterator[Batch]:
        """Every sample once."""
        for first in range(0, self.samples, batch_size):
            yield self._batch(np.arange(first, min(first + batch_size, self.samples)))

    def _batch(self, samples: np.ndarray) -> Batch:
        import torch

        ids = self._ids[samples]
        if self._targets is not None:
            return Batch(*(torch.from_numpy(a) for a in (ids, self._targets[samples], samples)))
        targets = ids[:, 1:].copy()
        targets[:, : self._answer - 1] = IGNORED
        return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (ids[:, :-1], targets, samples)))


def members(count: int, split: Split) -> np.ndarray:
    """Numbers of the split's samples, in order."""
    if split.part == "all":
        return np.arange(count)
    turn = np.empty(count, np.int64)
    turn[order(split.seed, _SPLIT, np.arange(count), count)] = np.arange(count)
    held = turn < round(split.valid * count)
    return np.flatnonzero(held if split.part == "valid" else ~held)


def _require_fit(task: Task, place: Place) -> None:
    context, vocabulary = place.input["context"], place.input["vocabulary"]
    assert isinstance(context, int) and isinstance(vocabulary, int)
    if vocabulary < task.vocabulary:
        raise Faults(errors.task_vocabulary(task.name, task.vocabulary, vocabulary))
    if context != task.length:
        raise Faults(errors.task_length(task.name, task.length, context))

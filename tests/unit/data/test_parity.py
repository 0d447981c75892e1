"""Running parity: every sequence once, in one split only, and the right answer at each place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dnac import data
from dnac.ir.form import form
from dnac.text.diagnostic import Faults

INPUT = form("text", context=6, vocabulary=2, tokenizer=None)


def opened(split: str, given: object = INPUT) -> object:
    return data.load(form("parity", split=split, valid=0.25, seed=0), given, Path())  # type: ignore[arg-type]


def test_each_place_holds_the_parity_of_all_bits_so_far() -> None:
    dataset = opened("train")
    batch = next(iter(dataset.sequential(8)))  # type: ignore[attr-defined]
    for bits, parity in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert parity == [sum(bits[: n + 1]) % 2 for n in range(6)]
    assert np.array_equal(dataset.difficulty(batch.samples.numpy())[0], np.arange(1, 7))  # type: ignore[attr-defined]


def test_training_and_held_out_sequences_never_meet() -> None:
    parts = [
        {tuple(row) for batch in opened(split).sequential(7) for row in batch.inputs.tolist()}  # type: ignore[attr-defined]
        for split in ("train", "valid")
    ]
    assert [len(p) for p in parts] == [48, 16]
    assert not parts[0] & parts[1]


@pytest.mark.parametrize("context, vocabulary", [(40, 2), (6, 1)])
def test_what_does_not_fit_is_refused(context: int, vocabulary: int) -> None:
    with pytest.raises(Faults):
        opened("train", form("text", context=context, vocabulary=vocabulary, tokenizer=None))

"""Histogram counting: right counts at every place, partitions as the authors draw them, no sequence twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch

from dnac.data import Dataset
from dnac.ir.form import Form, form
from dnac.text.diagnostic import Diagnostic
from inputs import text_input

Open = Callable[[Form, Form], Dataset]
TEN = text_input(context=10, vocabulary=32, tokenizer=form("none"))


def words(split: str, seed: int = 0) -> Form:
    """The task."""
    return form("histogram", split=split, symbols=32, samples=4000, valid=0.2, seed=seed)


def whole(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of the whole split."""
    batches = list(data.sequential(97))
    return torch.cat([b.inputs for b in batches]), torch.cat([b.targets for b in batches])


def test_every_place_asks_how_often_its_symbol_is_there(opened: Open) -> None:
    inputs, targets = whole(opened(words("all"), TEN))
    assert inputs.shape == targets.shape and inputs.shape[1] == 10
    for ids, counts in zip(inputs.tolist(), targets.tolist(), strict=True):
        assert counts == [Counter(ids)[i] for i in ids]
    assert inputs.min() == 0 and inputs.max() == 31
    assert len({tuple(sorted(row)) for row in targets.tolist()}) > 20, "many partitions, not one"


def test_parts_are_drawn_from_one_to_all_but_one(opened: Open) -> None:
    """The first part is 1 to 9, each alike: 9 of one symbol in a ninth of the sequences, 10 of one in none."""
    _, targets = whole(opened(words("all"), TEN))
    most = targets.max(1).values
    share = (most == 9).double().mean()
    assert 0.07 < share < 0.15 and (most < 10).all()
    assert (targets.sum(1) >= 10).all() and (most == 1).sum() < 40


def test_training_and_held_out_sequences_never_meet_and_the_seed_draws_others(opened: Open) -> None:
    parts = [{tuple(r) for r in whole(opened(words(p), TEN))[0].tolist()} for p in ("train", "valid", "all")]
    assert not parts[0] & parts[1] and parts[0] | parts[1] == parts[2]
    assert 3500 < len(parts[2]) <= 4000
    again, other = opened(words("valid"), TEN), opened(words("valid", seed=1), TEN)
    assert again.fingerprint == opened(words("valid"), TEN).fingerprint != other.fingerprint


def test_what_does_not_fit_is_refused(refused: Callable[[Form, Form], Diagnostic]) -> None:
    long = text_input(context=33, vocabulary=64, tokenizer=form("none"))
    assert refused(words("train"), long).code == "DNA625"
    few = text_input(context=10, vocabulary=31, tokenizer=form("none"))
    assert refused(words("train"), few).code == "DNA624"

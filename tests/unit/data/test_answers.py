"""Tasks of questions and answers: right sums, targets at the answer alone, splits that never meet."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
import torch

from dnac.data import Dataset
from dnac.data.base import IGNORED
from dnac.ir.form import Form, Value, form
from dnac.text.diagnostic import Diagnostic
from inputs import text_input

Open = Callable[[Form, Form], Dataset]
DIGITS = text_input(context=8, vocabulary=12, tokenizer=form("none"))
PAIRS = text_input(context=3, vocabulary=12, tokenizer=form("none"))
TASKS = {
    "add7": (form("add7", split="all", digits=3, valid=0.2), DIGITS, 1000),
    "modular_addition": (form("modular_addition", split="all", modulus=11, valid=0.7), PAIRS, 121),
}


def whole(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of the whole split."""
    batches = list(data.sequential(37))
    return torch.cat([b.inputs for b in batches]), torch.cat([b.targets for b in batches])


def split(words: Form, part: str, **more: Value) -> Form:
    """The same task, another part of it."""
    return words.replace(split=part, **more)


def test_add7_writes_the_sum_units_first(opened: Open) -> None:
    inputs, targets = whole(opened(*TASKS["add7"][:2]))
    assert inputs[593].tolist() == [3, 9, 5, 11, 0, 0, 6, 0]
    assert targets[593].tolist() == [IGNORED] * 3 + [0, 0, 6, 0, 11]
    assert targets[998].tolist()[3:] == [5, 0, 0, 1, 11]
    place = torch.tensor([1, 10, 100, 1000])
    assert ((inputs[:, :3] * place[:3]).sum(1) + 7 == (targets[:, 3:7] * place).sum(1)).all()
    assert (inputs[:, 4:] == targets[:, 3:7]).all(), "the answer so far is read on"


def test_modular_addition_asks_once_at_the_sign(opened: Open) -> None:
    inputs, targets = whole(opened(*TASKS["modular_addition"][:2]))
    assert (inputs[:, 2] == 11).all() and (targets[:, :2] == IGNORED).all()
    assert ((inputs[:, 0] + inputs[:, 1]) % 11 == targets[:, 2]).all()
    assert len({tuple(row[:2]) for row in inputs.tolist()}) == 121


@pytest.mark.parametrize("name", TASKS)
def test_training_and_held_out_samples_never_meet_and_are_all(opened: Open, name: str) -> None:
    words, source, count = TASKS[name]
    parts = [{tuple(r) for r in whole(opened(split(words, p), source))[0].tolist()} for p in ("train", "valid")]
    assert not parts[0] & parts[1] and len(parts[0] | parts[1]) == count
    share = words["valid"]
    assert isinstance(share, float) and len(parts[1]) == round(share * count)


def test_the_split_hangs_on_the_seed_of_the_data_alone(opened: Open) -> None:
    words, source, _ = TASKS["add7"]
    first, again, other = (opened(split(words, "valid", seed=s), source) for s in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    places = whole(first)[0][:, :3] * torch.tensor([1, 10, 100])
    assert 350 < places.sum(1).double().mean() < 650, "held out from everywhere, not from the end"


def test_an_epoch_is_every_sample_once_and_any_position_resumes(opened: Open) -> None:
    words, source, _ = TASKS["add7"]
    data = opened(split(words, "train"), source)
    seen = torch.cat([b.samples for b in islice(data.batches(100, seed=4), 8)])
    assert sorted(seen.tolist()) == list(range(800)) and seen.tolist() != list(range(800))
    late = next(data.batches(100, seed=4, position=730))
    both = list(islice(data.batches(10, seed=4, position=730), 10))
    assert torch.equal(late.samples, torch.cat([b.samples for b in both]))
    assert torch.equal(late.inputs, torch.cat([b.inputs for b in both]))
    assert data.length_tokens == 800 * 5


def test_a_net_of_another_size_is_refused(refused: Callable[[Form, Form], Diagnostic]) -> None:
    words = TASKS["add7"][0]
    found = refused(words, text_input(context=16, vocabulary=12, tokenizer=form("none")))
    assert found.code == "DNA625" and found.help == "set context = 8 in the input"
    found = refused(words, text_input(context=8, vocabulary=11, tokenizer=form("none")))
    assert found.code == "DNA624" and found.help == "set vocabulary = 12 in the input"
    found = refused(split(words, "valid", valid=1e-6), DIGITS)
    assert found.code == "DNA622" and "`valid` of `add7` holds none of its 1,000 samples" in found.message

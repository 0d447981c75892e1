"""The stream of known difficulty: answers are right, difficulty is what was asked, and nothing is seen twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
import torch

from dnac.data import Dataset
from dnac.data.base import IGNORED
from dnac.data.chains import Chains
from dnac.ir.form import Form, Value, form
from dnac.text.diagnostic import Diagnostic
from inputs import text_input

Open = Callable[[Form, Form], Dataset]
INPUT = text_input(context=60, vocabulary=10, tokenizer=form("none"))
VALUES, TABLES, EQUALS = 5, 4, 9


def words(split: str = "valid", **more: Value) -> Form:
    """Five values, four tables, chains of at most three."""
    said = {"depth": 3, "values": VALUES, "tables": TABLES, "copies": 1, "samples": 40, "seed": 0}
    return form("lookups", split=split, **{**said, **more})


def chains(ids: list[int]) -> list[tuple[int, list[int], list[int]]]:
    """Whole chains of a sample, read from its ids: start, tables, answers."""
    found, rest = [], ids
    while EQUALS in rest:
        end = rest.index(EQUALS)
        if end + 2 >= len(rest):
            break
        found.append((rest[0], [i - VALUES for i in rest[1:end]], rest[end + 1 : end + 3]))
        rest = rest[end + 3 :]
    return found


def test_every_answer_is_the_chain_looked_up_and_its_difficulty_the_length(opened: Open) -> None:
    data = opened(words(), INPUT)
    assert isinstance(data, Chains)
    assert (np.sort(data.tables, axis=1) == np.arange(VALUES)).all()
    (batch,) = data.sequential(40)
    hard = data.difficulty(batch.samples.numpy())
    lengths = []
    for ids, targets, row in zip(batch.inputs.tolist(), batch.targets.tolist(), hard.tolist(), strict=True):
        assert [t == IGNORED for t in targets] == [d < 0 for d in row]
        at = 0
        for start, asked, answers in chains(ids):
            value = start
            for table in asked:
                value = int(data.tables[table, value])
            assert answers == [value, value] and 1 <= len(asked) <= 3
            at += 1 + len(asked)
            assert targets[at : at + 2] == answers and row[at : at + 2] == [len(asked), 0]
            at += 3
            lengths.append(len(asked))
    assert {*lengths} == {1, 2, 3} and max(map(lengths.count, (1, 2, 3))) < 1.5 * min(map(lengths.count, (1, 2, 3)))


def test_no_answer_follows_from_the_last_table_or_the_bag_of_tables(opened: Open) -> None:
    data = opened(words("valid", depth=2, samples=400), INPUT)
    (batch,) = data.sequential(400)
    found: dict[tuple[int, tuple[int, ...]], set[int]] = {}
    for ids in batch.inputs.tolist():
        for start, asked, answers in chains(ids):
            if len(set(asked)) == 2:
                found.setdefault((start, tuple(sorted(asked))), set()).add(answers[0])
    assert sum(len(v) > 1 for v in found.values()) > len(found) / 4, "the order of tables matters"


def test_training_goes_on_without_repeating_and_apart_from_held_out_samples(opened: Open) -> None:
    train, valid = opened(words("train"), INPUT), opened(words(), INPUT)
    assert train.fingerprint != valid.fingerprint and (train.tables == valid.tables).all()  # type: ignore[attr-defined]
    seen = torch.cat([b.inputs for b in islice(train.batches(16, 7), 20)])
    held = torch.cat([b.inputs for b in valid.sequential(16)])
    assert len({tuple(r) for r in torch.cat([seen, held]).tolist()}) == 320 + 40
    later = next(train.batches(8, 7, position=100)).inputs
    assert (later == seen[100:108]).all()
    assert not (next(train.batches(16, 8)).inputs == seen[:16]).all(-1).any(), "another data seed, other chains"


def test_a_later_token_changes_nothing_before_it(opened: Open) -> None:
    short, long = (opened(words(), text_input(context=n, vocabulary=10, tokenizer=form("none"))) for n in (60, 61))
    assert short.length_tokens < long.length_tokens + 40
    a, b = (next(d.batches(4, 3)) for d in (short, short))
    assert all((x == y).all() for x, y in zip(a, b, strict=True))


def test_a_vocabulary_too_small_is_refused(refused: Callable[[Form, Form], Diagnostic]) -> None:
    found = refused(words(), text_input(context=60, vocabulary=9, tokenizer=form("none")))
    assert (found.code, found.help) == ("DNA624", "set vocabulary = 10 in the input")


@pytest.mark.parametrize("more", [{"seed": 1}, {"tables": 3}, {"depth": 2}])
def test_other_arguments_are_other_data(opened: Open, more: dict[str, Value]) -> None:
    assert opened(words(), INPUT).fingerprint != opened(words(**more), INPUT).fingerprint

"""Windows over text: which tokens come, in which order, and that a position resumes exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from dnac.data import Batch, Dataset
from dnac.ir.form import Form, form
from inputs import text_input

Open = Callable[[Form, Form], Dataset]


def written(folder: Path, text: str, name: str = "a.txt") -> None:
    """A text file below the folder."""
    (folder / name).write_text(text, newline="")


def alphabet(n: int) -> str:
    """A text whose character at i is chr(i): a token tells its place."""
    return "".join(chr(i) for i in range(n))


def taken(data: Dataset, count: int, batch: int, position: int = 0, seed: int = 5) -> list[Batch]:
    """The next batches from a position."""
    return list(islice(data.batches(batch, seed, position), count))


def test_targets_are_the_tokens_that_follow(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    (batch,) = taken(opened(form("text", path="a.txt"), text_input(context=8)), 1, 4)
    assert batch.inputs.shape == batch.targets.shape == (4, 8)
    assert (batch.targets == batch.inputs + 1).all()
    assert (batch.inputs[:, 0] == batch.samples * 8).all()


def test_an_epoch_holds_every_window_once(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    data = opened(form("text", path="a.txt"), text_input(context=9))
    assert data.samples == 11 and data.length_tokens == 99
    (batch,) = taken(data, 1, 11)
    assert sorted(batch.targets.flatten().tolist()) == list(range(1, 100))


@pytest.mark.parametrize("packing", ["stream", "documents"])
def test_three_segments_across_epochs_equal_one_run(opened: Open, tmp_path: Path, packing: str) -> None:
    written(tmp_path, "\n<|endoftext|>\n".join(alphabet(100)[i:] for i in range(0, 60, 7)))
    words, source = form("text", path="a.txt", packing=packing), text_input(context=8)
    whole = taken(opened(words, source), 40, 5)
    assert 2 * opened(words, source).samples < 40 * 5
    pieces = [
        b for start, count in ((0, 9), (9, 14), (23, 17)) for b in taken(opened(words, source), count, 5, 5 * start)
    ]
    for one, other in zip(whole, pieces, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_batch_size_does_not_change_the_order(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    data = opened(form("text", path="a.txt"), text_input(context=8))
    small, large = (torch.cat([b.inputs for b in taken(data, 60 // size, size)]) for size in (3, 20))
    assert torch.equal(small, large)


def test_seeds_give_unlike_orders_and_epochs_too(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(127))
    data = opened(form("text", path="a.txt"), text_input(context=6))
    first, other = (taken(data, 1, data.samples, seed=s)[0] for s in (0, 1))
    again = taken(data, 1, data.samples, data.samples, seed=0)[0]
    assert not torch.equal(first.samples, other.samples) and not torch.equal(first.samples, again.samples)


def test_later_epochs_cut_the_text_elsewhere_and_stay_inside(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    data = opened(form("text", path="a.txt"), text_input(context=8))
    starts = {epoch: taken(data, 1, data.samples, epoch * data.samples)[0].inputs[:, 0] for epoch in range(6)}
    assert {int(s) % 8 for s in starts[0]} == {0}
    assert len({int(s.min()) for s in starts.values()}) > 2
    for start in starts.values():
        assert len(set(start.tolist())) == data.samples and start.max() <= 100 - 9


def test_sequential_scores_every_token_but_the_first_once(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(101))
    batches = list(opened(form("text", path="a.txt"), text_input(context=8)).sequential(4))
    targets = torch.cat([b.targets for b in batches]).flatten()
    assert targets[targets != -100].tolist() == list(range(1, 101))
    assert (targets == -100).sum() == 4 and [len(b.samples) for b in batches] == [4, 4, 4, 1]


def test_windows_of_documents_do_not_span_them(opened: Open, tmp_path: Path) -> None:
    texts = ["a" * 20, "b", "c" * 9, "d" * 3]
    written(tmp_path, "<|endoftext|>\n".join(t + "\n" for t in texts))
    words = form("text", path="a.txt", packing="documents")
    batches = list(opened(words, text_input(context=8, tokenizer=form("bytes", end=0))).sequential(3))
    rows = [bytes(r[t != -100].tolist()) for b in batches for r, t in zip(b.inputs, b.targets, strict=True)]
    assert all(len(set(row) - {10}) == 1 for row in rows)
    targets = torch.cat([b.targets for b in batches]).flatten()
    assert (targets == 0).sum() == 4 and (targets != -100).sum() == sum(len(t) + 1 for t in texts)


def test_a_stream_of_documents_is_joined_by_the_end_token(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, "ab\n<|endoftext|>\ncd\n<|endoftext|>\n")
    data = opened(form("text", path="a.txt"), text_input(context=7, tokenizer=form("bytes", end=0)))
    (batch,) = data.sequential(1)
    assert bytes(batch.inputs[0].tolist()) + bytes([int(batch.targets[0, -1])]) == b"ab\n\0cd\n\0"
    assert data.bytes_per_token == 6 / 8


def test_a_cached_tokenisation_equals_a_fresh_one_and_a_damaged_one_is_made_again(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    words, source = form("text", path="a.txt"), text_input()
    first = opened(words, source)
    inputs = taken(first, 1, 4)[0].inputs
    (tokens,) = (tmp_path / ".cache").rglob("tokens.bin")
    tokens.write_bytes(b"\0" * tokens.stat().st_size)
    again = opened(words, source)
    assert again.fingerprint == first.fingerprint
    assert inputs.any() and torch.equal(taken(again, 1, 4)[0].inputs, inputs)


def test_the_cache_follows_the_text_and_leaves_no_draft(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    before = opened(form("text", path="a.txt"), text_input()).fingerprint
    written(tmp_path, alphabet(99))
    assert opened(form("text", path="a.txt"), text_input()).fingerprint != before
    assert not list((tmp_path / ".cache").glob(".*"))


def test_a_document_of_one_window_gives_one_and_one_of_one_token_none(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{t}"}}\n' for t in ("123456789", "x", "1234567890")))
    data = opened(form("text", path="a.jsonl", packing="documents"), text_input(context=8))
    (batch,) = data.sequential(9)
    assert (batch.targets != -100).sum(1).tolist() == [8, 8, 1] and data.samples == 3 and data.length_tokens == 17


def test_documents_are_split_whole_and_equal_ones_stay_together(opened: Open, tmp_path: Path) -> None:
    texts = [f"document number {n % 20}" for n in range(40)]
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{t}"}}\n' for t in texts))
    sides: list[list[bytes]] = []
    for split in ("train", "valid"):
        words = form("text", path="a.jsonl", split=split, valid=0.25)
        store = opened(words, text_input(tokenizer=form("bytes", end=0))).store  # type: ignore[attr-defined]
        sides.append(bytes(store.tokens.tolist()).split(b"\0")[:-1])
    assert sorted(sides[0] + sides[1]) == sorted(t.encode() for t in texts)
    assert len(sides[1]) == 10 and not set(sides[0]) & set(sides[1])


def test_a_single_document_is_cut_at_its_end(opened: Open, tmp_path: Path) -> None:
    written(tmp_path, alphabet(100))
    parts = [opened(form("text", path="a.txt", split=s, valid=0.2), text_input()) for s in ("train", "valid")]
    assert [d.store.tokens.tolist() for d in parts] == [list(range(80)), list(range(80, 100))]  # type: ignore[attr-defined]

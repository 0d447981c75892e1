"""Tokenizers: round trips, ends of documents, and equal ids in cache and memory."""

from __future__ import annotations

import base64
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dnac.data import Dataset, Tokenizer, load_tokenizer
from dnac.ir.form import Form, form
from inputs import text_input

Open = Callable[[Form, Form], Dataset]
TEXT = "the cat sat on the mat\n  indented, naïve 猫\t🙂\r\n"


def trained_bpe(folder: Path) -> Form:
    """A small byte-level BPE, trained here, as `bpe.json.xz`."""
    from tokenizers import Tokenizer as Inner
    from tokenizers import decoders, models, pre_tokenizers, trainers

    inner = Inner(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        show_progress=False,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    inner.train_from_iterator([TEXT] * 4, trainer)
    (folder / "bpe.json.xz").write_bytes(lzma.compress(inner.to_str().encode()))
    return form("bpe", file="bpe.json.xz")


def ranks(folder: Path) -> Form:
    """All bytes and three merges, as a rank file."""
    tokens = [*(bytes([b]) for b in range(256)), b"th", b"the", b"at"]
    lines = (base64.b64encode(t) + f" {i}\n".encode() for i, t in enumerate(tokens))
    (folder / "small.tiktoken").write_bytes(b"".join(lines))
    return form("tiktoken", file="small.tiktoken")


MAKERS = {"bytes": lambda folder: form("bytes"), "bpe": trained_bpe, "tiktoken": ranks}


@pytest.fixture(params=sorted(MAKERS))
def words(request: pytest.FixtureRequest, tmp_path: Path) -> Form:
    """Each tokenizer in turn."""
    return MAKERS[request.param](tmp_path)


def made(words: Form, folder: Path) -> Tokenizer:
    """Opened for a net with room for every id."""
    return load_tokenizer(text_input(vocabulary=1000, tokenizer=words), folder)


def test_any_text_round_trips(words: Form, tmp_path: Path) -> None:
    tokenizer = made(words, tmp_path)
    (ids, none) = tokenizer.encode([TEXT, ""])
    assert tokenizer.decode(ids.tolist()).decode() == TEXT and not len(none)
    assert ids.dtype == np.int64 and ids.max() < tokenizer.size
    assert words.name == "bytes" or len(ids) < len(TEXT.encode())


def test_a_special_token_in_a_text_is_only_text(words: Form, tmp_path: Path) -> None:
    tokenizer = made(words, tmp_path)
    (ids,) = tokenizer.encode(["a<|endoftext|>b"])
    assert tokenizer.end not in ids.tolist()


def test_the_end_of_documents_is_known_and_left_out_of_text(tmp_path: Path) -> None:
    for words, end in ((trained_bpe(tmp_path), 0), (ranks(tmp_path), 259), (form("bytes", end=0), 0)):
        tokenizer = made(words, tmp_path)
        assert tokenizer.end == end
        assert tokenizer.decode([*tokenizer.encode(["at"])[0].tolist(), end]) == b"at"
    assert made(form("bytes"), tmp_path).end is None


def test_bytes_per_token_counts_the_text(opened: Open, words: Form, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT * 5, newline="")
    tokenizer = made(words, tmp_path)
    data = opened(form("text", path="a.txt"), text_input(vocabulary=1000, tokenizer=words))
    tokens = len(tokenizer.encode([TEXT * 5])[0]) + (tokenizer.end is not None)
    assert data.bytes_per_token == pytest.approx(len((TEXT * 5).encode()) / tokens)


def test_the_cache_tells_tokenizers_apart(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT * 5, newline="")
    prints = {
        opened(form("text", path="a.txt"), text_input(vocabulary=1000, tokenizer=make(tmp_path))).fingerprint
        for make in MAKERS.values()
    }
    assert len(prints) == 3


def test_a_long_document_is_cut_at_line_ends_for_the_tokenizer(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dnac.data.token_store as token_store

    (tmp_path / "a.txt").write_text(TEXT * 40, newline="")
    source = text_input(vocabulary=1000, tokenizer=ranks(tmp_path))
    whole = opened(form("text", path="a.txt"), source)
    monkeypatch.setattr(token_store, "PIECE", 100)
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    cut = opened(form("text", path="b.txt"), source)
    tokenizer = made(ranks(tmp_path), tmp_path)
    assert tokenizer.decode(cut.store.tokens.tolist()).decode() == TEXT * 40  # type: ignore[attr-defined]
    assert len(cut.store.ends) == 1 and cut.bytes_per_token == whole.bytes_per_token  # type: ignore[attr-defined]

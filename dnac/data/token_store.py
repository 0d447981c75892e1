"""Text as ids: tokenised once into memory-mapped files, with an index of where documents end.

Files of a cache entry: `tokens.bin` (uint16 where the vocabulary allows, else uint32) and
`ends.bin` (uint64: for each document, the place after its last token).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dnac.data import cache
from dnac.data.base import Tokenizer
from dnac.data.documents import Document

PIECE = 1 << 20
"""Characters given to a tokenizer at once; longer documents are cut after a line break."""


@dataclass(frozen=True)
class TokenStore:
    """Ids of one split and where its documents end."""

    tokens: np.ndarray
    """[N] uint16 or uint32, memory-mapped."""
    ends: np.ndarray
    """[documents] uint64."""
    text_bytes: int
    """UTF-8 bytes of the text behind the ids, separators not counted; 0 where unknown."""
    sha256: str
    """Of the ids and the ends."""

    @property
    def bytes_per_token(self) -> float | None:
        """Mean over the split."""
        return self.text_bytes / len(self.tokens) if self.text_bytes and len(self.tokens) else None


def store(documents: Iterable[Document], tokenizer: Tokenizer, key: str, where: Path | None) -> TokenStore:
    """The cached ids of documents; `documents` is read only when they are not in the cache."""
    dtype = dtype_for(tokenizer.size)
    path, facts = cache.entry(cache.folder(where), key, lambda draft: _write(draft, documents, tokenizer, dtype))
    return TokenStore(
        _mapped(path / "tokens.bin", dtype),
        _mapped(path / "ends.bin", np.dtype("<u8")),
        int(str(facts["text_bytes"])),
        str(facts["sha256"]),
    )


def dtype_for(vocabulary: int) -> np.dtype[np.unsignedinteger]:
    """The smallest type of a token file that holds every id."""
    return np.dtype("<u2") if vocabulary <= 1 << 16 else np.dtype("<u4")


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    """An empty file cannot be mapped."""
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def _write(draft: Path, documents: Iterable[Document], tokenizer: Tokenizer, dtype: np.dtype) -> dict[str, object]:
    ends: list[int] = []
    with (draft / "tokens.bin").open("wb") as stream:
        count = text_bytes = 0
        for texts, closes in _groups(documents):
            text_bytes += sum(len(t.encode()) for t in texts)
            for ids, close in zip(tokenizer.encode(texts), closes, strict=True):
                count += _append(stream, ids, tokenizer.end if close else None, dtype)
                if close:
                    ends.append(count)
    np.asarray(ends, "<u8").tofile(draft / "ends.bin")
    return {"text_bytes": text_bytes, "tokens": count, "documents": len(ends), "sha256": _hash(draft, dtype)}


def _append(stream: BinaryIO, ids: np.ndarray, end: int | None, dtype: np.dtype) -> int:
    whole = ids if end is None else np.append(ids, end)
    stream.write(whole.astype(dtype).tobytes())
    return len(whole)


def _hash(draft: Path, dtype: np.dtype) -> str:
    return cache.key_of(str(dtype), *(cache.sha256_of(draft / name) for name in ("tokens.bin", "ends.bin")))


def _groups(documents: Iterable[Document]) -> Iterator[tuple[list[str], list[bool]]]:
    """Pieces of about `PIECE` characters in all, each with whether a document ends after it."""
    texts: list[str] = []
    closes: list[bool] = []
    for document in documents:
        pieces = list(_pieces(document))
        texts += pieces
        closes += [False] * (len(pieces) - 1) + [True]
        if sum(map(len, texts)) >= PIECE:
            yield texts, closes
            texts, closes = [], []
    if texts:
        yield texts, closes


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE:
        cut = text.find("\n", start + PIECE) + 1
        if not cut:
            break
        yield text[start:cut]
        start = cut
    yield text[start:]

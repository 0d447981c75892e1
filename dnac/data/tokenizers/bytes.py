"""Bytes of UTF-8 text as ids: 256 of them, no file, any text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from dnac.data.base import TokenizerKind
from dnac.kinds.base import Params

if TYPE_CHECKING:
    import numpy as np


class BytesParams(Params):
    """`bytes` or `bytes(end = 0)`."""

    end: int | None = Field(default=None, ge=0, le=255)
    """The byte that ends a document (one that the texts do not hold); none: documents are joined as they are."""


class ByteTokenizer:
    """The identity on bytes."""

    size = 256

    def __init__(self, end: int | None = None) -> None:
        self.end = end
        self.fingerprint = f"bytes {end}"

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """[bytes] int64 for each text."""
        import numpy as np

        return [np.frombuffer(text.encode(), np.uint8).astype(np.int64) for text in texts]

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes themselves, without the one that ends a document."""
        return bytes(i for i in ids if i != self.end)


def _open(params: BytesParams, root: Path) -> ByteTokenizer:
    return ByteTokenizer(params.end)


TOKENIZER = TokenizerKind("bytes", "bytes of UTF-8 text, 256 ids", BytesParams, open=_open)

"""Files of ids, as other projects write them: uint16 or uint32, memory-mapped where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.kinds.base import Params

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 1 << 22


class TokensParams(Params):
    """`tokens("train.bin")`."""

    path: str
    """Little-endian ids, nothing else after the header."""
    dtype: Literal["uint16", "uint32"] = "uint16"
    """Type of an id."""
    header: int = Field(default=0, ge=0)
    """Bytes to pass over at the start."""
    end: int | None = Field(default=None, ge=0)
    """The id that ends a document."""
    packing: Literal["stream", "documents"] = "stream"
    """Whether a window may span documents."""
    text_bytes: int | None = Field(default=None, gt=0)
    """Bytes of the text behind the ids, for bits per byte."""
    licence: str = "not stated"
    """Printed on the card."""


def _open(params: TokensParams, place: Place) -> Dataset:
    from dnac.data.base import Card
    from dnac.data.corpus import context_of
    from dnac.data.files import locate, sha256_of
    from dnac.data.token_store import TokenStore
    from dnac.data.windows import TokenWindows

    path = locate(params.path, place.root)
    ids = _mapped(path, params)
    vocabulary = place.input["vocabulary"]
    assert isinstance(vocabulary, int)
    ends = _scan(path, ids, vocabulary, params.end)
    sha256 = sha256_of(path)
    size = f"{len(ids):,} tokens in {len(ends):,} document{'s' if len(ends) != 1 else ''}"
    card = Card(f"tokens {params.path}", params.path, params.licence, size, sha256)
    store = TokenStore(ids, ends, params.text_bytes or 0, sha256)
    return TokenWindows(store, context_of(place.input), params.packing, card)


def _mapped(path: Path, params: TokensParams) -> np.ndarray:
    import numpy as np

    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    dtype = np.dtype(params.dtype).newbyteorder("<")
    room = path.stat().st_size - params.header
    if room < 0 or room % dtype.itemsize:
        reason = f"{max(room, 0)} bytes after the header are no whole number of {params.dtype} ids"
        raise Faults(errors.file_damaged(path, reason))
    return np.memmap(path, dtype, "r", offset=params.header) if room else np.zeros(0, dtype)


def _scan(path: Path, ids: np.ndarray, vocabulary: int, end: int | None) -> np.ndarray:
    """Check every id once, before training; places after the ends of documents, uint64."""
    import numpy as np

    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    found: list[np.ndarray] = []
    for first in range(0, len(ids), _CHUNK):
        chunk = ids[first : first + _CHUNK]
        if int(chunk.max()) >= vocabulary:
            place = first + int(np.argmax(chunk >= vocabulary))
            raise Faults(errors.id_out_of_range(path, int(ids[place]), place, vocabulary))
        if end is not None:
            found.append(np.flatnonzero(chunk == end) + first + 1)
    ends = np.concatenate(found) if found else np.zeros(0, np.int64)
    if len(ids) and (not len(ends) or ends[-1] != len(ids)):
        ends = np.append(ends, len(ids))
    return ends.astype("<u8")


DATASET = DatasetKind("tokens", "a file of uint16 or uint32 ids", TokensParams, open=_open)

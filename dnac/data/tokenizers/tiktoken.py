"""A rank file of OpenAI's tiktoken: on each line a token in base64 and its rank."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dnac.data.base import TokenizerKind
from dnac.kinds.base import Params

if TYPE_CHECKING:
    import numpy as np

_GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
_CL100K = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
_PATTERNS = {"gpt2": _GPT2, "cl100k": _CL100K}


class TiktokenParams(Params):
    """`tiktoken("gpt2.tiktoken")`."""

    file: str
    """The rank file, plain, .xz or .gz."""
    pattern: Literal["gpt2", "cl100k"] = "gpt2"
    """How text is cut into words before merging; the rank file does not say."""
    end: str | None = "<|endoftext|>"
    """The special token that ends a document; its id follows the last rank."""


class RankTokenizer:
    """Byte-pair merges by rank; any text round trips."""

    def __init__(self, inner: Any, size: int, end: int | None, fingerprint: str) -> None:
        self._inner, self.size, self.end, self.fingerprint = inner, size, end, fingerprint

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """[tokens] int64 for each text; special tokens in a text are read as plain text."""
        import numpy as np

        return [np.asarray(ids, np.int64) for ids in self._inner.encode_ordinary_batch(list(texts))]

    def decode(self, ids: Iterable[int]) -> bytes:
        """Exact bytes, without the token that ends a document."""
        return self._inner.decode_bytes([i for i in ids if i != self.end])


def _open(params: TiktokenParams, root: Path) -> RankTokenizer:
    """Read the ranks and hand them to the package."""
    from dnac.data import errors
    from dnac.data.files import locate, open_bytes
    from dnac.text.diagnostic import Faults

    path = locate(params.file, root)
    with open_bytes(path) as stream:
        raw = stream.read()
    ranks = _ranks(path, raw)
    try:
        import tiktoken
    except ModuleNotFoundError as fault:
        raise Faults(errors.extra_missing("tiktoken", "tiktoken", "data")) from fault
    last = max(ranks.values())
    special = {} if params.end is None else {params.end: last + 1}
    pattern = _PATTERNS[params.pattern]
    inner = tiktoken.Encoding(path.stem, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    marks = f"tiktoken {hashlib.sha256(raw).hexdigest()} {params.pattern} {params.end}"
    return RankTokenizer(inner, last + 1 + len(special), special.get(params.end or ""), marks)


def _ranks(path: Path, raw: bytes) -> dict[bytes, int]:
    """Every single byte must have a rank, or some text could not be written."""
    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    ranks: dict[bytes, int] = {}
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as fault:
            raise Faults(errors.file_damaged(path, f"line {number} is not a token in base64 and its rank")) from fault
    if missing := [b for b in range(256) if bytes([b]) not in ranks]:
        raise Faults(errors.file_damaged(path, f"no rank for the byte {missing[0]}"))
    if len(set(ranks.values())) != len(ranks) or min(ranks.values()) < 0:
        raise Faults(errors.file_damaged(path, "two tokens have the same rank, or a rank is negative"))
    return ranks


TOKENIZER = TokenizerKind("tiktoken", "a rank file of tiktoken (GPT-2 and later)", TiktokenParams, open=_open)

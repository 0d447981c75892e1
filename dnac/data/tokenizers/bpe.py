"""A tokenizer file of Hugging Face's `tokenizers` (`tokenizer.json`), plain, .xz or .gz."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.data.base import TokenizerKind
from dnac.kinds.base import Params

if TYPE_CHECKING:
    import numpy as np

_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]", "<|im_end|>")


class BpeParams(Params):
    """`bpe("tokenizer.json")`."""

    file: str
    """The tokenizer file."""
    end: str | None = None
    """The token that ends a document; by default the first known name that the file has."""


class BpeTokenizer:
    """Any model that a tokenizer file can hold; special tokens in a text are read as plain text."""

    def __init__(self, inner: Any, end: int | None, sha256: str) -> None:
        inner.encode_special_tokens = True
        self._inner, self.end = inner, end
        self.size: int = _size(inner)
        self.fingerprint = f"bpe {sha256} {end}"

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """[tokens] int64 for each text."""
        import numpy as np

        found = self._inner.encode_batch(list(texts), add_special_tokens=False)
        return [np.asarray(f.ids, np.int64) for f in found]

    def decode(self, ids: Iterable[int]) -> bytes:
        """Special tokens left out."""
        return self._inner.decode([i for i in ids if i != self.end]).encode()


def _open(params: BpeParams, root: Path) -> BpeTokenizer:
    """Read, check, and find the token that ends a document."""
    from dnac.data import errors
    from dnac.data.files import locate, open_bytes
    from dnac.text.diagnostic import Faults

    path = locate(params.file, root)
    with open_bytes(path) as stream:
        raw = stream.read()
    inner = _parse(path, raw)
    names = (params.end,) if params.end is not None else _ENDS
    end = next((i for i in map(inner.token_to_id, names) if i is not None), None)
    if params.end is not None and end is None:
        raise Faults(errors.token_missing(path, params.end))
    return BpeTokenizer(inner, end, hashlib.sha256(raw).hexdigest())


def _parse(path: Path, raw: bytes) -> Any:
    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as fault:
        raise Faults(errors.extra_missing("bpe", "tokenizers", "data")) from fault
    try:
        return Tokenizer.from_str(raw.decode())
    except UnicodeDecodeError as fault:
        raise Faults(errors.not_utf8(path, fault.start)) from fault
    except Exception as fault:  # the package raises the bare class for a bad file, and nothing narrower
        raise Faults(errors.file_damaged(path, f"not a tokenizer file: {fault}")) from fault


def _size(inner: Any) -> int:
    """One above the largest id: ids need not be dense."""
    return max(inner.get_vocab(with_added_tokens=True).values(), default=-1) + 1


TOKENIZER = TokenizerKind("bpe", "a tokenizer.json of Hugging Face's tokenizers", BpeParams, open=_open)

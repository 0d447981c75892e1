"""Python's own standard library as text: on every machine, without a download.

The text differs between Python versions and distributors, so its hash and the version stand on the
card and belong beside every figure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.kinds.base import Params

_LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__", "ensurepip"}


class StdlibParams(Params):
    """`stdlib_text(split = "train", limit = 2M)`."""

    split: Literal["train", "valid"]
    """A file is for validation where the first byte of its hash is below 26 (one file in ten)."""
    part: Literal["all", "code", "topics"] = "all"
    """Modules of the library, the prose of pydoc's topics, or both."""
    limit: int | None = Field(default=None, gt=0)
    """Characters to take at most, in order of the files' hashes."""
    packing: Literal["stream", "documents"] = "stream"
    """Whether a window may span documents."""


def _open(params: StdlibParams, place: Place) -> Dataset:
    import platform

    from dnac.data.corpus import Corpus, open_corpus

    documents, digest = _choose(params.split, params.part, params.limit)
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return open_corpus(
        Corpus(
            name=f"stdlib_text {params.split}",
            source=f"standard library of {version}",
            licence="PSF-2.0",
            key=("stdlib_text", digest),
            documents=lambda: documents,
            notes=(f"text sha256 {digest}", f"part {params.part}, {sum(map(len, documents)):,} characters"),
        ),
        place,
        params.packing,
    )


@lru_cache(maxsize=4)
def _choose(split: str, part: str, limit: int | None) -> tuple[list[str], str]:
    """Documents of the split in order of their hashes, cut at the limit, and the hash of them all."""
    import hashlib

    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    hashed = _hashed(part)
    if not hashed:
        raise Faults(errors.source_missing("stdlib_text", "this Python has no sources of its library"))
    left = limit if limit is not None else sum(len(t) for _, t in hashed)
    chosen: list[str] = []
    for digest, text in _spread(hashed):
        if (digest[0] < 26) == (split == "valid") and left > 0:
            chosen.append(text[:left])
            left -= len(chosen[-1])
    return chosen, hashlib.sha256("\0".join(chosen).encode()).hexdigest()


@cache
def _hashed(part: str) -> list[tuple[bytes, str]]:
    """Texts by their hashes, in order of these; read once in a process."""
    import hashlib

    return sorted({hashlib.sha256(t.encode()).digest(): t for t in _texts(part)}.items())


def _spread(hashed: list[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
    """In order of the hash's end: its first byte decides the split."""
    return sorted(hashed, key=lambda pair: pair[0][1:])


def _texts(part: str) -> Iterator[str]:
    if part in ("all", "code"):
        yield from _modules()
    if part in ("all", "topics"):
        import pydoc_data.topics

        yield from pydoc_data.topics.topics.values()


def _modules() -> Iterator[str]:
    import sysconfig

    library = Path(sysconfig.get_paths()["stdlib"])
    for folder, folders, files in os.walk(library):
        is_top = Path(folder) == library
        folders[:] = sorted(set(folders) - _LEFT_OUT - ({"pydoc_data"} if is_top else set()))
        for name in sorted(files):
            if name.endswith(".py") and (text := Path(folder, name).read_bytes().decode(errors="ignore")):
                yield text


DATASET = DatasetKind("stdlib_text", "CPython's own sources and documentation topics", StdlibParams, open=_open)

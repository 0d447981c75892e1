"""Python's own standard library as text: on every machine, without a download.

The text differs between Python versions and distributors, so its hash and the version stand on the
card and belong beside every figure.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    documents, digest = _choose(params)
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


def _choose(params: StdlibParams) -> tuple[list[str], str]:
    """Documents of the split in order of their hashes, cut at the limit, and the hash of them all."""
    import hashlib

    from dnac.data import errors
    from dnac.text.diagnostic import Faults

    hashed = sorted({hashlib.sha256(t.encode()).digest(): t for t in _texts(params.part)}.items())
    if not hashed:
        raise Faults(errors.source_missing("stdlib_text", "this Python has no sources of its library"))
    left = params.limit if params.limit is not None else sum(len(t) for _, t in hashed)
    chosen: list[str] = []
    for digest, text in _spread(hashed):
        if (digest[0] < 26) == (params.split == "valid") and left > 0:
            chosen.append(text[:left])
            left -= len(chosen[-1])
    return chosen, hashlib.sha256("\0".join(chosen).encode()).hexdigest()


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
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library).parts
        if not _LEFT_OUT & set(inside) and inside[0] != "pydoc_data":
            text = path.read_bytes().decode(errors="ignore")
            if text:
                yield text


DATASET = DatasetKind("stdlib_text", "CPython's own sources and documentation topics", StdlibParams, open=_open)

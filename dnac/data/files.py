"""Open a data file, plain or compressed, and say clearly what is wrong with it."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from dnac.data import errors
from dnac.text.diagnostic import Faults

BROKEN = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)
"""What the standard library raises when a compressed stream is cut short or altered."""
_CHUNK = 1 << 20


def locate(path: str, root: Path) -> Path:
    """An existing file or folder; a relative path starts at the folder of the spec file.

    Raises:
        Faults: DNA620, there is nothing of that name.
    """
    found = root / Path(path).expanduser()
    if not found.exists():
        raise Faults(errors.file_not_found(path, found))
    return found


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The content of a plain, .xz or .gz file.

    Raises:
        Faults: DNA621 where the file cannot be read or its compressed stream is damaged.
    """
    try:
        with _opener(path) as stream:
            yield stream
    except BROKEN as fault:
        raise Faults(errors.file_damaged(path, str(fault) or "the compressed stream ends too early")) from fault
    except OSError as fault:
        raise Faults(errors.file_damaged(path, fault.strerror or str(fault))) from fault


def sha256_of(path: Path) -> str:
    """Hash of a file as it is stored."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def bare_suffix(path: Path) -> str:
    """The suffix below .xz or .gz: `.jsonl` for `x.jsonl.xz`."""
    return Path(path.stem).suffix if path.suffix in (".xz", ".gz") else path.suffix


def _opener(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return cast(IO[bytes], lzma.open(path))
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return path.open("rb")

"""Writing that survives a crash: whole files, synced, then published by one rename.

Everything goes through `os.write`, `os.fsync` and `os.rename`, so that tests can stop a save at
each of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = 1 << 22


@dataclass(frozen=True)
class Stamp:
    """What a file must be: its length in bytes and its SHA-256."""

    bytes_: int
    sha256: str


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> Stamp:
    """Make a new file of these bytes and sync it; the stamp is of the bytes in memory.

    Raises:
        FileExistsError: there is such a file.
        OSError: it cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for chunk in chunks:
            digest.update(chunk)
            size += _write_all(handle, memoryview(chunk).cast("B"))
        os.fsync(handle)
    finally:
        os.close(handle)
    return Stamp(size, digest.hexdigest())


def stamp(path: Path) -> Stamp:
    """The stamp of a file as it is on disk."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return Stamp(size, digest.hexdigest())


def publish(temporary: Path, final: Path) -> None:
    """Give a finished folder its name: all of it appears at once, or nothing.

    Raises:
        OSError: `final` exists and is not an empty folder.
    """
    sync_folder(temporary)
    os.rename(temporary, final)  # noqa: PTH104 - the seam that tests stop at
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder lasting."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def canonical(value: Any) -> bytes:
    """JSON in one fixed spelling, so that equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False).encode() + b"\n"


def _write_all(handle: int, chunk: memoryview) -> int:
    done = 0
    while done < len(chunk):
        done += os.write(handle, chunk[done : done + _BLOCK])
    return done

"""Arrays from files that may be cut short, altered, or made to fill the memory.

Declared sizes are compared with what is there before anything is allocated; pickled objects are
never loaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from dnac.data import errors
from dnac.data.files import BROKEN, open_bytes
from dnac.text.diagnostic import Faults

LARGEST = 1 << 35
"""Bytes: a larger array is refused (32 GiB, more than any data set these formats are used for)."""
RATIO = 200
"""An archive that grows by more than this is refused as a bomb; images grow by 2 to 20."""
_CHUNK = 1 << 24
_IDX = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """An array of the idx format (of MNIST): 0, 0, type, rank, sizes, values; plain, .xz or .gz.

    Raises:
        Faults: DNA621.
    """
    with open_bytes(path) as stream:
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX:
            raise Faults(errors.file_damaged(path, "it does not begin as an idx file does"))
        sizes = stream.read(4 * head[3])
        if len(sizes) < 4 * head[3]:
            raise Faults(errors.file_damaged(path, "its header ends too early"))
        return _exactly(path, stream, np.dtype(_IDX[head[2]]), tuple(int(n) for n in np.frombuffer(sizes, ">u4")))


def read_raw(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Bytes without a header, [n, *shape] uint8; plain, .xz or .gz.

    Raises:
        Faults: DNA621 where they are no whole number of samples.
    """
    with open_bytes(path) as stream:
        held = bytearray()
        while chunk := stream.read(_CHUNK):
            held += chunk
            if len(held) > LARGEST:
                raise Faults(errors.file_damaged(path, f"it holds more than {LARGEST:,} bytes"))
    if len(held) % prod(shape):
        raise Faults(errors.file_damaged(path, f"{len(held):,} bytes are no whole number of samples of {prod(shape)}"))
    return np.frombuffer(held, np.uint8).reshape(-1, *shape)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file.

    Raises:
        Faults: DNA621 for a damaged archive, pickled objects, or sizes that do not agree.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            _check_bomb(path, members)
            return {m.filename[:-4]: _member(path, archive, m) for m in members}
    except (zipfile.BadZipFile, NotImplementedError, *BROKEN) as fault:
        raise Faults(errors.file_damaged(path, str(fault) or "the archive ends too early")) from fault


def _check_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    whole = sum(m.file_size for m in members)
    if whole > LARGEST or whole > RATIO * max(path.stat().st_size, 1 << 20):
        raise Faults(errors.file_damaged(path, f"it would grow to {whole:,} bytes"))


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        try:
            version = np.lib.format.read_magic(stream)
            shape, columns_first, dtype = _HEADERS[version](stream)
        except (ValueError, KeyError, SyntaxError) as fault:
            raise Faults(errors.file_damaged(path, f"`{member.filename}` does not begin as an array does")) from fault
        if dtype.hasobject:
            raise Faults(errors.file_damaged(path, f"`{member.filename}` holds pickled objects, which are not loaded"))
        if prod(shape) * dtype.itemsize > member.file_size:
            raise Faults(errors.file_damaged(path, f"`{member.filename}` declares more values than it holds"))
        flat = _exactly(path, stream, dtype, (prod(shape),))
    return flat.reshape(shape, order="F" if columns_first else "C")


_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _exactly(path: Path, stream: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Read piece by piece, so that a false size costs no memory."""
    wanted = prod(shape) * dtype.itemsize
    if wanted > LARGEST:
        raise Faults(errors.file_damaged(path, f"it declares {wanted:,} bytes"))
    held = bytearray()
    while len(held) <= wanted and (chunk := stream.read(min(_CHUNK, wanted + 1 - len(held)))):
        held += chunk
    if len(held) != wanted:
        word = "fewer" if len(held) < wanted else "more"
        raise Faults(errors.file_damaged(path, f"it holds {word} than the {wanted:,} bytes it declares"))
    return np.frombuffer(held, dtype).reshape(shape)

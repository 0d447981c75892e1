"""Bytes to a `Source`: the only place where spec files are read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from dnac.text import errors
from dnac.text.diagnostic import Diagnostic, Faults
from dnac.text.limits import LARGEST_FILE
from dnac.text.source import Source


def read_source(path: str | Path) -> Source:
    """Read a spec file: UTF-8, a byte order mark taken off, line ends made line feeds.

    Raises:
        Faults: the file is missing, a folder, binary (SnapGene or other), not UTF-8 or too large.
    """
    return _read(str(path), lambda: Path(path).open("rb"))


def read_inside(root: Path, path: Path) -> Source:
    """Read a file below a folder, both without links: what stood there when it was checked, or nothing.

    Raises:
        Elsewhere: a link stands on the way by now, or the file has a second name.
        Faults: as `read_source`.
    """
    if os.open not in os.supports_dir_fd:  # an operating system that cannot open step by step
        return read_source(path)
    return _read(str(path), lambda: _open_inside(root, path.relative_to(root).parts))


def _open_inside(root: Path, parts: Sequence[str]) -> BinaryIO:
    """Open folder by folder, so that nothing can be swapped for a link after it was looked at."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        found = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Elsewhere("a link leads out of the project's folder") from error
        raise
    finally:
        os.close(folder)
    status = os.fstat(found)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(found)
        raise Elsewhere("the same file has another name (a hard link)" if status.st_nlink > 1 else "no ordinary file")
    return os.fdopen(found, "rb")


class Elsewhere(Exception):
    """A file below a folder may be one from outside of it; the text says why."""


def _read(name: str, opened: Callable[[], BinaryIO]) -> Source:
    try:
        with opened() as file:
            content = file.read(LARGEST_FILE + 1)
            size = file.seek(0, 2) if len(content) > LARGEST_FILE else len(content)
    except OSError as error:
        raise Faults(errors.cannot_read(name, _reason(error))) from error
    except ValueError as error:  # a NUL character in the path
        raise Faults(errors.cannot_read(name.replace("\0", "\\0"), "no file can have this name")) from error
    if size > LARGEST_FILE and not _binary(name, content):
        raise Faults(errors.file_too_large(name, size, LARGEST_FILE))
    return source_of(name, content)


def source_of(name: str, content: bytes) -> Source:
    """Decode the content of a file known as `name` (`<stdin>`, a path).

    Raises:
        Faults: the content is binary or not UTF-8.
    """
    fault = _binary(name, content)
    if fault is not None:
        raise Faults(fault)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Faults(errors.not_utf8(name, line, content[error.start])) from error
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def _binary(name: str, content: bytes) -> Diagnostic | None:
    if b"SnapGene" in content[:32]:
        return errors.snapgene_file(name)
    return errors.binary_file(name) if b"\0" in content else None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()

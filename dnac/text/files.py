"""Bytes to a `Source`: the only place where spec files are read."""

from __future__ import annotations

from pathlib import Path

from dnac.text import errors
from dnac.text.diagnostic import Diagnostic, Faults
from dnac.text.limits import LARGEST_FILE
from dnac.text.source import Source


def read_source(path: str | Path) -> Source:
    """Read a spec file: UTF-8, a byte order mark taken off, line ends made line feeds.

    Raises:
        Faults: the file is missing, a folder, binary (SnapGene or other), not UTF-8 or too large.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
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

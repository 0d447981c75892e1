"""Documents of text files: plain text, jsonl, a folder of either; each plain, .xz or .gz."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from dnac.data import errors
from dnac.data.files import bare_suffix, open_bytes
from dnac.text.diagnostic import Faults

Document = str


def files_of(path: Path, pattern: str) -> list[Path]:
    """The file itself, or the files of a folder that match, in order of their relative paths."""
    if path.is_file():
        return [path]
    return sorted((p for p in path.rglob(pattern) if p.is_file()), key=lambda p: p.relative_to(path).as_posix())


def read_documents(path: Path, *, separator: str | None, field: str) -> Iterator[Document]:
    """The documents of one file: jsonl records, or what stands between separator lines.

    Raises:
        Faults: DNA621 damaged, DNA630 not UTF-8, DNA633 a record without text.
    """
    if bare_suffix(path) in (".jsonl", ".ndjson"):
        yield from _records(path, field)
    else:
        yield from _separated(path, separator)


def split_documents(documents: Iterable[Document], split: str, share: float) -> list[Document]:
    """The documents of one split.

    A single document is cut: its last `share` is for validation. Of several, those with the lowest
    hashes are, whole; equal documents have equal hashes and so never stand on both sides.
    """
    whole = list(documents)
    if split == "all":
        return whole
    if len(whole) == 1:
        cut = round(len(whole[0]) * (1 - share))
        return [whole[0][:cut] if split == "train" else whole[0][cut:]]
    hashes = [hashlib.sha256(d.encode()).digest() for d in whole]
    limit = sorted(hashes)[: max(1, round(share * len(whole)))][-1:]
    return [d for d, h in zip(whole, hashes, strict=True) if (h <= limit[0]) == (split == "valid")] if limit else []


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Offset and text of each line, line ends kept as they are."""
    offset = 0
    with open_bytes(path) as stream:
        for line in stream:
            try:
                yield offset, line.decode()
            except UnicodeDecodeError as fault:
                raise Faults(errors.not_utf8(path, offset + fault.start)) from fault
            offset += len(line)


def _separated(path: Path, separator: str | None) -> Iterator[Document]:
    held: list[str] = []
    for _, line in _lines(path):
        if separator is not None and line.rstrip("\r\n") == separator:
            if text := "".join(held):
                yield text
            held = []
        else:
            held.append(line)
    if text := "".join(held):
        yield text


def _records(path: Path, field: str) -> Iterator[Document]:
    for number, (_, line) in enumerate(_lines(path), start=1):
        if line.strip():
            yield _text_of(path, number, line, field)


def _text_of(path: Path, number: int, line: str, field: str) -> Document:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise Faults(errors.record_without_text(path, number, field)) from fault
    text = record.get(field) if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise Faults(errors.record_without_text(path, number, field))
    return text

"""Tokenised text and decoded images, kept in a private folder under the hash of what made them.

An entry is a folder of plain binary files and `entry.json` with their sizes and hashes. It is
written under another name and then renamed, so it is there whole or not at all; an entry that does
not verify is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from dnac.data import errors
from dnac.data.files import sha256_of
from dnac.text.diagnostic import Faults

VERSION = 1
"""Raise it when the meaning of a stored file changes."""


def folder(chosen: Path | None = None) -> Path:
    """The cache folder, made when missing: `chosen`, $DNAC_CACHE, or `dnac/data` in the user's cache folder.

    Raises:
        Faults: DNA634, it cannot be written, or belongs to somebody else.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = chosen or Path(os.environ.get("DNAC_CACHE") or home / "dnac") / "data"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise Faults(errors.cache_unusable(path, fault.strerror or str(fault))) from fault
    if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
        raise Faults(errors.cache_unusable(path, "it belongs to another user"))
    if not os.access(path, os.W_OK):
        raise Faults(errors.cache_unusable(path, "it is not writable"))
    return path


def key_of(*parts: object) -> str:
    """The name of an entry: a hash of everything that decides its content."""
    return hashlib.sha256(json.dumps([VERSION, *parts], sort_keys=True, default=str).encode()).hexdigest()


def entry(where: Path, key: str, make: Callable[[Path], dict[str, object]]) -> tuple[Path, dict[str, object]]:
    """The verified folder of `key` and its facts; `make(empty folder)` writes the files, returns the facts."""
    path = where / key
    if (facts := _verified(path)) is not None:
        return path, facts
    draft = Path(tempfile.mkdtemp(prefix=f".{key[:16]}-", dir=where))
    try:
        _seal(draft, make(draft))
        _publish(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    facts = _verified(path)
    if facts is None:
        raise Faults(errors.cache_unusable(where, "what was just written does not read back"))
    return path, facts


def _seal(draft: Path, facts: dict[str, object]) -> None:
    files = {p.name: [p.stat().st_size, sha256_of(p)] for p in sorted(draft.iterdir())}
    with (draft / "entry.json").open("w") as stream:
        json.dump({"files": files, "facts": facts}, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _publish(draft: Path, path: Path) -> None:
    """Rename into place; when another process was faster, its entry is as good as ours."""
    if path.exists() and _verified(path) is None:
        shutil.rmtree(path, ignore_errors=True)
    try:
        draft.rename(path)
    except OSError:
        if not path.is_dir():
            raise


def _verified(path: Path) -> dict[str, object] | None:
    try:
        sealed = json.loads((path / "entry.json").read_text())
        for name, (size, sha256) in sealed["files"].items():
            if (path / name).stat().st_size != size or sha256_of(path / name) != sha256:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sealed["facts"]

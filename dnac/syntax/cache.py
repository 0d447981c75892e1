"""A private folder for things that are quick to load and slow to make.

What is kept here decides what runs later. So nothing is read from a folder or file that another user owns or can
write to, and a shared temporary folder is never used.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path


def private_file(name: str) -> Path | None:
    """A path in the user's own cache folder (mode 0700), or None where there is no safe place.

    The file may or may not exist; if it does, only this user can have written it.
    """
    if not hasattr(os, "getuid"):  # ownership cannot be checked: do without
        return None
    folder = _base() / "dnac"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own(folder, stat.S_ISDIR):
            return None
        path = folder / name
        return path if not os.path.lexists(path) or _is_own(path, stat.S_ISREG) else None
    except (OSError, RuntimeError):  # no home folder, or none that can be written
        return None


def _base() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


def _is_own(path: Path, is_sort: Callable[[int], bool]) -> bool:
    """Whether this user alone can write to what stands at `path` itself (a link is neither file nor folder)."""
    status = path.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and is_sort(status.st_mode)

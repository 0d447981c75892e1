"""The end of a command that failed by no fault of the user's file: what happened, where the details are."""

from __future__ import annotations

import errno
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from dnac import __version__
from dnac.text.diagnostic import InternalError

WRONG_USE, INTERNAL = 2, 3
_OUTSIDE = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENOSPC,
    errno.EROFS,
    errno.EEXIST,
}
_PACKAGE = Path(__file__).parent.parent


def explain(error: Exception, words: Sequence[str]) -> int:
    """Say what failed on stderr and return the exit code: 2 for a path that cannot be used, else 3."""
    if isinstance(error, OSError) and _is_about_a_path(error):
        print(f"error: cannot use `{error.filename}`: {(error.strerror or 'failed').lower()}", file=sys.stderr)
        return WRONG_USE
    stage = error.stage if isinstance(error, InternalError) else _stage(error)
    print(f"internal error in {stage}: {type(error).__name__}: {error}", file=sys.stderr)
    print("this is a bug in dnac, not in your file", file=sys.stderr)
    print(f"  = details: {write_dump(error, words)}", file=sys.stderr)
    return INTERNAL


def write_dump(error: Exception, words: Sequence[str]) -> Path:
    """Write the traceback, the command line and the versions to a file of their own."""
    versions = {"dnac": __version__, "python": platform.python_version(), "system": platform.platform()}
    if "torch" in sys.modules:
        versions["torch"] = sys.modules["torch"].__version__
    head = [f"command: dnac {' '.join(words)}", *(f"{name}: {version}" for name, version in versions.items()), ""]
    text = "\n".join(head) + "\n" + "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile("w", prefix="dnac-crash-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    return Path(file.name)


def _stage(error: Exception) -> str:
    """The innermost layer of dnac on the way to the fault, such as `passes`."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [Path(f.filename).relative_to(_PACKAGE) for f in frames if Path(f.filename).is_relative_to(_PACKAGE)]
    inner = [p for p in ours if p.parts[0] != "cli"] or ours
    return inner[-1].parts[0].removesuffix(".py") if inner else "cli"


def _is_about_a_path(error: OSError) -> bool:
    """Whether the operating system refused a path that the user chose."""
    if error.errno not in _OUTSIDE or error.filename is None:
        return False
    return not Path(str(error.filename)).is_relative_to(_PACKAGE)

"""Import a part of a package without what its front imports besides."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from pathlib import Path


def bare(*names: str) -> None:
    """Put packages into `sys.modules` with their folder, but without running their `__init__`."""
    for name in names:
        if name in sys.modules:
            continue
        found = find_spec(name)
        if found is None or not found.submodule_search_locations:
            raise ImportError(f"{name} is not installed")
        module = types.ModuleType(name)
        module.__path__ = [str(Path(place)) for place in found.submodule_search_locations]
        module.__spec__ = found
        sys.modules[name] = module

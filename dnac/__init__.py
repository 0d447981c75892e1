"""dnac: a language and compiler for token-routed neural networks.

Public names are resolved on first use, so that `import dnac` loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnac.driver import Spec as Spec
    from dnac.driver import load as load
    from dnac.text.diagnostic import Diagnostic as Diagnostic
    from dnac.text.diagnostic import Faults as Faults
    from dnac.text.diagnostic import InternalError as InternalError

__version__ = "0.1.0"

_HOME = {
    "load": "dnac.driver",
    "Spec": "dnac.driver",
    "Diagnostic": "dnac.text.diagnostic",
    "Faults": "dnac.text.diagnostic",
    "InternalError": "dnac.text.diagnostic",
}
"""Public name to the file it lives in."""

__all__ = ["Diagnostic", "Faults", "InternalError", "Spec", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dnac' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

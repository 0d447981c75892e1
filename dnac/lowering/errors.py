"""Faults of lowering: what a strategy cannot serve (DNA740 to DNA749). Nothing falls back silently."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.ir.graph import Origin
from dnac.text.diagnostic import Diagnostic


def unknown_lowering(name: str, near: str | None, known: Sequence[str]) -> Diagnostic:
    """No strategy has this name."""
    help_ = f"did you mean `{near}`?" if near else "use " + " or ".join(f"`{n}`" for n in known)
    return Diagnostic("DNA740", f"there is no lowering `{name}`", None, help=help_)


def type_not_served(lowering: str, dtype: str, known: Sequence[str]) -> Diagnostic:
    """The strategy does not run in this float type."""
    return Diagnostic(
        "DNA741", f"the lowering `{lowering}` does not run in {dtype}", None, help="use " + " or ".join(known)
    )


def device_not_served(lowering: str, device: str, known: Sequence[str]) -> Diagnostic:
    """The strategy does not run on this device."""
    return Diagnostic(
        "DNA742", f"the lowering `{lowering}` does not run on {device}", None, help="use " + " or ".join(known)
    )


def not_lowered(lowering: str, what: str, origin: Origin | None) -> Diagnostic:
    """The strategy has no program for something that the file asks for."""
    place = (f"asked for at {origin}",) if origin else ()
    return Diagnostic(
        "DNA743",
        f"the lowering `{lowering}` cannot run {what}",
        None,
        help="use a kind or a word that is built (`docs/kinds.md` lists them)",
        notes=place,
    )


def no_compiler(reason: str) -> Diagnostic:
    """torch.compile needs a C++ compiler on the CPU: one line, then uncompiled."""
    return Diagnostic(
        "DNA744",
        f"not compiled: {reason}, so the network runs uncompiled",
        None,
        severity="note",
        help="install a C++ compiler such as g++, or set CXX",
    )


def does_not_compile(reason: str) -> Diagnostic:
    """A formula that torch cannot trace as one graph, as in a kind of the user's own."""
    return Diagnostic(
        "DNA745",
        f"torch cannot compile this network as one graph: {reason}",
        None,
        help="train with `--no-compile`, or mend the kind's formula",
    )

"""What the schedule has to say about devices (DNA760 to DNA769)."""

from __future__ import annotations

from pathlib import Path

from dnac.ir.graph import Origin
from dnac.text.diagnostic import Diagnostic


def does_not_fit(net: str, device: str, need: str, memory: str, largest: str) -> Diagnostic:
    """Not even one sequence can be trained on the device."""
    return Diagnostic(
        "DNA760",
        f"`{net}` does not fit on {device}: training one sequence takes about {need}, and {memory} can be used",
        None,
        help="make the net smaller, shorten its context, or plan for a larger device (`--device`)",
        notes=(f"the largest part is {largest}",),
        severity="warning",
    )


def computed_otherwise(lowering: str, instead: str, reason: str) -> Diagnostic:
    """A run is used where it cannot be computed as it was trained."""
    return Diagnostic(
        "DNA763",
        f"computed by `{instead}`, not by `{lowering}` as in training: {reason}",
        None,
        help=f"`--lowering {instead}` says the same without this note",
        severity="note",
    )


def table_ignored(path: Path, reason: str) -> Diagnostic:
    """A cost table that cannot be used is no reason to stop."""
    return Diagnostic(
        "DNA761",
        f"the cost table {path} was not used: {reason}",
        None,
        help="`dnac tune` writes a new one for this device",
        severity="note",
    )


def candidate_not_served(group: str, name: str, reason: str, origin: Origin | None) -> Diagnostic:
    """A way of computing was asked for that cannot serve some instruction."""
    place = (f"asked for at {origin}",) if origin else ()
    return Diagnostic(
        "DNA762",
        f"`{group} = {name}` cannot serve this: {reason}",
        None,
        help="leave the choice to dnac, or choose another (`dnac plan` lists them)",
        notes=place,
    )

"""Faults of ablating runs (DNA645)."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.text.diagnostic import Diagnostic

_SHOWN = 12


def nothing_to_ablate(word: str, near: str | None, known: Sequence[str]) -> Diagnostic:
    """A name that stands for nothing that adds to the stream, or for more than one sort of thing."""
    some = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    help_ = f"did you mean `{near}`?" if near else f"the net has {some}"
    return Diagnostic("DNA645", f"the net has nothing called `{word}` that adds to the stream", None, help=help_)


def fixed_step(word: str, module: str) -> Diagnostic:
    """A routing step whose choice never varies leaves no router whose modules could be closed."""
    message = f"the choice at `{word}` is fixed, so that it is no routing step any more"
    return Diagnostic("DNA645", message, None, help=f"name the module that it chooses, of `{module}`")


def without_weights(name: str, kind: str) -> Diagnostic:
    """Zero weights take nothing away from a kind that has none."""
    message = f"`{name}` cannot be ablated: `{kind}` has no weights to set to zero"
    return Diagnostic("DNA645", message, None, help="leave it out, or ablate the routing step")

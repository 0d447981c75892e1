"""Faults of comparing runs (DNA643)."""

from __future__ import annotations

from pathlib import Path

from dnac.text.diagnostic import Diagnostic


def never_evaluated(run: Path) -> Diagnostic:
    """A run without a figure on held-out data."""
    return Diagnostic(
        "DNA643", f"`{run}` has no evaluation to compare", None, help="train it up to its first evaluation (eval_every)"
    )


def held_out_differs(first: str, second: str) -> Diagnostic:
    """Losses on different texts say nothing about nets."""
    return Diagnostic(
        "DNA643",
        f"`{first}` and `{second}` were evaluated on different data",
        None,
        help="compare runs whose `valid` holds the same samples",
    )

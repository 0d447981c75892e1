"""Faults of checkpoints that a file starts from (DNA754, DNA755): found by their headers, before torch is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span


def weights_unreadable(file: str, why: str, span: Span, *, is_run: bool) -> Diagnostic:
    """A checkpoint that is not there, or is none; `is_run`: it is a run of dnac, which another word reads."""
    help_ = "give a folder with config.json and safetensors, a GGUF file or one of llama2.c, relative to the spec"
    return Diagnostic(
        "DNA754", f"`{file}` holds no weights that can be read: {why}", span, "asked for here",
        help=f'it is a run of dnac: write `run("{file}", of = "...")`' if is_run else help_,
    )  # fmt: skip


def run_unreadable(folder: str, why: str, span: Span) -> Diagnostic:
    """A run that is not there, or is none."""
    return Diagnostic(
        "DNA754", f"`{folder}` is no run that weights can be taken from: {why}", span, "asked for here",
        help="give the folder of a run of `dnac train`, relative to the spec",
    )  # fmt: skip


def weights_differ(file: str, what: str, span: Span, notes: Sequence[str]) -> Diagnostic:
    """A checkpoint of another model than the net."""
    return Diagnostic(
        "DNA755", f"`{file}` does not fit: {what}", span, "asked for here",
        help="change the net so that it says what the checkpoint is", notes=tuple(notes),
    )  # fmt: skip

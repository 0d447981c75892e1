"""Faults of importing (DNA750 to DNA753): nothing is loaded in part, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnac.ir.graph import Origin
from dnac.text.diagnostic import Diagnostic

_SHOWN = 8


def not_a_checkpoint(path: Path, why: str, help: str) -> Diagnostic:
    """A folder that holds no weights that can be read."""
    return Diagnostic("DNA750", f"{path} is no checkpoint that can be imported: {why}", None, help=help)


def no_counterpart(what: str, origin: Origin | None) -> Diagnostic:
    """The net has something that a Llama or a Mixtral has not."""
    place = (f"declared at {origin}",) if origin else ()
    help_ = "write the net as `specs/mixtral_small.dna` does, with the checkpoint's sizes"
    return Diagnostic("DNA751", f"no weights of a Llama or a Mixtral fit {what}", None, help=help_, notes=place)


def config_differs(differences: Sequence[str]) -> Diagnostic:
    """`config.json` says another model than the spec."""
    return Diagnostic(
        "DNA752",
        f"the checkpoint is another model: {_first(differences)}",
        None,
        help="change the spec so that it says what `config.json` says",
        notes=tuple(differences[1:_SHOWN]),
    )


def tensors_do_not_fit(problems: Sequence[str]) -> Diagnostic:
    """Tensors are missing, unknown, or of another shape."""
    return Diagnostic(
        "DNA753",
        f"the checkpoint's tensors do not fit the net: {_first(problems)}",
        None,
        help="import a whole checkpoint of the model that the spec describes",
        notes=tuple(problems[1:_SHOWN]),
    )


def _first(found: Sequence[str]) -> str:
    return found[0] + (f", and {len(found) - 1} more" if len(found) > 1 else "")

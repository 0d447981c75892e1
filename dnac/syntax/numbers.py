"""Numbers of the language: `12`, `2.5`, `1e-4`, with a suffix that touches: `64k`, `2Ki`, `30%`, `4x`."""

from __future__ import annotations

import math
import re

from dnac.syntax import errors
from dnac.syntax.words import SUFFIXES, UNITS
from dnac.text.diagnostic import Diagnostic
from dnac.text.limits import LONGEST_NUMBER
from dnac.text.source import Span

_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?([eE][+-]?\d+)?(%|[A-Za-z]*)", re.ASCII)
_SPELLINGS = {
    "K": "k",
    "kb": "k",
    "mb": "M",
    "gb": "G",
    "m": "M",
    "mio": "M",
    "g": "G",
    "b": "B",
    "bn": "B",
    "t": "T",
    "ki": "Ki",
    "KI": "Ki",
    "kib": "Ki",
    "KiB": "Ki",
    "mi": "Mi",
    "MI": "Mi",
    "mib": "Mi",
    "MiB": "Mi",
    "gi": "Gi",
    "GI": "Gi",
    "gib": "Gi",
    "GiB": "Gi",
    "X": "x",
}


def value(text: str) -> tuple[int | float, str]:
    """The number of a well-formed text with its suffix applied, and its unit ("", "%" or "x").

    A suffix such as `k` keeps whole numbers whole: `1.5k` is the integer 1500.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    whole, fraction, exponent, suffix = match.groups()
    if suffix in SUFFIXES:
        return _scaled(whole, fraction or "", SUFFIXES[suffix]), ""
    core = text[: len(text) - len(suffix)]
    return (float(core) if fraction or exponent else int(core)), suffix


def fault(text: str, span: Span) -> Diagnostic | None:
    """What is wrong with a text that begins like a number, or None."""
    if len(text) > LONGEST_NUMBER:
        return errors.too_long("number", span, LONGEST_NUMBER)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return errors.malformed_number(span, _repair(text))
    whole, fraction, exponent, suffix = match.groups()
    if suffix and suffix not in SUFFIXES and suffix not in UNITS:
        at = Span(span.source, span.end - len(suffix), span.end)
        return errors.unknown_suffix(at, suffix, near_suffix(suffix))
    if exponent and suffix in SUFFIXES:
        return errors.malformed_number(span, "write either an exponent or a suffix")
    if math.isinf(float(f"{whole}.{fraction or 0}{exponent or ''}")):
        return errors.number_out_of_range(span)
    return None


def _scaled(whole: str, fraction: str, factor: int) -> int | float:
    digits, parts = int(whole + fraction) * factor, 10 ** len(fraction)
    return digits // parts if digits % parts == 0 else digits / parts


def near_suffix(suffix: str) -> str | None:
    """The suffix that a common other spelling stands for."""
    return _SPELLINGS.get(suffix) or _SPELLINGS.get(suffix.lower())


def _repair(text: str) -> str:
    """One action that mends a malformed number."""
    if text[:2].lower() in ("0x", "0b", "0o") and len(text) > 2:
        return "numbers are written in decimal"
    if "_" in text:
        return f"write it without `_`: `{text.replace('_', '')}`"
    if text.startswith("."):
        return f"write a digit before the point: `0{text}`"
    if text.endswith("."):
        return f"write a digit behind the point: `{text}0`"
    if text.count(".") > 1:
        return "a number has one decimal point; a list is written `[1, 2]`"
    return "numbers look like `12`, `2.5`, `1e-4`, `64k`, `2Ki`, `30%` or `4x`"

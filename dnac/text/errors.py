"""DNA0xx: what can be wrong with a text before anything is read in it."""

from __future__ import annotations

from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span


def cannot_read(path: str, reason: str) -> Diagnostic:
    """The file is missing, a folder, or not readable."""
    return Diagnostic("DNA001", f"cannot read `{path}`: {reason}", None, help="check the path")


def binary_file(path: str) -> Diagnostic:
    """NUL bytes: not a text at all."""
    return Diagnostic(
        "DNA002", f"`{path}` holds binary data, not text", None, help="a spec is plain text whose first line is `dna 1`"
    )


def snapgene_file(path: str) -> Diagnostic:
    """The other `.dna` format."""
    return Diagnostic(
        "DNA003",
        f"`{path}` is a SnapGene file: a DNA sequence, not a spec of a network",
        None,
        help="open it with SnapGene; a spec is plain text whose first line is `dna 1`",
    )


def not_utf8(path: str, line: int, byte: int) -> Diagnostic:
    """A byte that is not UTF-8."""
    return Diagnostic(
        "DNA004",
        f"`{path}` is not UTF-8 text: byte 0x{byte:02x} on line {line}",
        None,
        help="save the file with the encoding UTF-8",
    )


def hidden_character(span: Span, name: str) -> Diagnostic:
    """A character that changes how the line looks and not how it is read."""
    return Diagnostic("DNA005", f"hidden character {name}", span, label="this character is not shown", help="delete it")


def too_much(span: Span, what: str, limit: int) -> Diagnostic:
    """More words or items than a spec can hold."""
    return Diagnostic(
        "DNA006",
        f"this file has more than {limit:,} {what}",
        span,
        label="the rest was not read",
        help="split it and join it by `use`, or write what is alike once, as a `def`",
    )


def file_too_large(path: str, size: int, limit: int) -> Diagnostic:
    """More text than a spec can hold."""
    return Diagnostic(
        "DNA006",
        f"`{path}` has {size:,} bytes; a spec has at most {limit:,}",
        None,
        help="split it and join it by `use`",
    )

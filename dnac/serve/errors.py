"""Faults of generating (DNA641, DNA642, DNA644)."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.text.diagnostic import Diagnostic


def not_text(net: str) -> Diagnostic:
    """An image net gives classes."""
    return Diagnostic(
        "DNA641", f"`{net}` takes images, so it cannot generate text", None, help="use a net whose input is text(...)"
    )


def not_causal(net: str, breaks: Sequence[str]) -> Diagnostic:
    """Logits at a place would depend on what comes after it, which is not there yet."""
    return Diagnostic(
        "DNA641",
        f"`{net}` is not causal, so it cannot generate text from left to right",
        None,
        help="take out what breaks causality, or give it a decode rule",
        notes=tuple(breaks),
    )


def empty_prompt() -> Diagnostic:
    """Nothing to go on from, and no token that begins a document."""
    return Diagnostic(
        "DNA642", "the prompt is empty, and the tokenizer has no end-of-document token to begin with", None,
        help="give some text with --prompt",
    )  # fmt: skip


def logits_not_finite(net: str) -> Diagnostic:
    """A diverged or damaged network: sampling from it would give noise that looks like text."""
    return Diagnostic(
        "DNA644",
        f"`{net}` gives logits that are not finite numbers",
        None,
        help="train it with a lower learning rate, or use an earlier checkpoint",
    )

"""DNA512 to DNA514, DNA533: what is asserted of a net, and what is proven."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import did_you_mean
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def not_causal(words: str, span: Span, label: str) -> Diagnostic:
    """A text net in which a token sees later ones."""
    help_ = f"make it causal, or say so: `assert not_causal({label})`" if label else "make it causal, or label the step"
    return Diagnostic("DNA512", f"this net is not causal: {words}", span, "breaks causality", help=help_)


def claim_fails(claim: str, words: str, span: Span, culprit: Span | None) -> Diagnostic:
    """`assert causal` or `assert row_independent` where it is not so."""
    labels = (Label(culprit, "this breaks it"),) if culprit is not None else ()
    return Diagnostic(
        "DNA513", f"`assert {claim}` does not hold: {words}", span, "does not hold",
        help="change the net or remove the assert", labels=labels,
    )  # fmt: skip


def nothing_breaks(label: str, span: Span, known: Sequence[str], *, is_changed: bool) -> Diagnostic:
    """`assert not_causal(x)` about a step that is causal; `is_changed`: the net has other settings than its file."""
    help_ = did_you_mean(label, known, "nothing, if that is meant" if is_changed else "remove the assert")
    return Diagnostic(
        "DNA514", f"nothing at `{label}` breaks causality", span, "is causal", help=help_,
        severity="note" if is_changed else "error",
    )  # fmt: skip


def rows_depend(words: str, span: Span) -> Diagnostic:
    """What a sequence gets depends on the others of its batch."""
    return Diagnostic(
        "DNA533", f"a sequence's output depends on the others of its batch: {words}", span, "reads the whole batch",
        help="say `sequence` in place of `batch`; `assert row_independent` makes this an error",
        severity="warning",
    )  # fmt: skip

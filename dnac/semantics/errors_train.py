"""DNA601 to DNA619: the train block, as far as it can be judged without data."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def wrong_amount(key: str, found: str, span: Span, allowed: Sequence[str]) -> Diagnostic:
    """`batch = steps(3)`"""
    shown = [f"{word}(n)" for word in allowed]
    return Diagnostic(
        "DNA601", f"`{key}` cannot be counted in {found}", span, "another unit is needed",
        help=f"write {' or '.join(f'`{s}`' for s in shown)}",
    )  # fmt: skip


def schedule_too_long(key: str, end: int, length: int, span: Span) -> Diagnostic:
    """A schedule that training ends before."""
    return Diagnostic(
        "DNA602", f"the schedule of `{key}` ends at train step {end:,}, and training after {length:,}", span,
        "its end is never reached", help="give its end as a share of the run, such as `100%`", severity="warning",
    )  # fmt: skip


def uneven_micro_batches(sequences: int, accumulate: int, span: Span, batch: Span) -> Diagnostic:
    """Accumulate does not divide the batch."""
    return Diagnostic(
        "DNA603", f"a batch of {sequences:,} sequences does not divide into {accumulate} micro-batches", span,
        "must divide the batch", help="choose a divisor of the batch", labels=(Label(batch, "the batch"),),
    )  # fmt: skip


def uneven_tokens(tokens: int, context: int, span: Span) -> Diagnostic:
    """Tokens that are no whole number of sequences."""
    return Diagnostic(
        "DNA604", f"a batch of {tokens:,} tokens is not a whole number of sequences of {context:,} tokens", span,
        "not a multiple", help=f"use a multiple of {context:,}, or `sequences(n)`",
    )  # fmt: skip


def pieces_out_of_order(key: str, span: Span) -> Diagnostic:
    """A later piece that ends first, once the run is known."""
    return Diagnostic(
        "DNA605", f"the schedule of `{key}` has a piece that ends before the one in front of it", span,
        "ends do not rise", help="let the ends rise along the run",
    )  # fmt: skip


def too_short(key: str, found: int, length: int, span: Span) -> Diagnostic:
    """Evaluation that training ends before."""
    return Diagnostic(
        "DNA606", f"`{key}` is every {found:,} train steps, and training ends after {length:,}", span,
        "happens at the end only", help="use a smaller number", severity="warning",
    )  # fmt: skip


def share_of_residuals(span: Span, *, is_missing: bool) -> Diagnostic:
    """`distill` with `on = residuals` and no `skip`, or the other way round."""
    if is_missing:
        return Diagnostic(
            "DNA607", "`distill(on = residuals)` does not say how much shall be skipped", span, "`skip` is missing",
            help="add `skip = 20%`: the share of all pairs of token and layer",
        )  # fmt: skip
    return Diagnostic(
        "DNA607", "`skip` says nothing about logits", span, "of no use here",
        help="write `on = residuals`, or remove `skip`",
    )  # fmt: skip

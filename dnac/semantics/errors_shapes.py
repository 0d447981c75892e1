"""DNA4xx: what comes in, the width of the stream, modules in their place, and heads."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import listed
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def kind_fault(owner: str, message: str, help_: str, span: Span, width: Span | None) -> Diagnostic:
    """Sizes of a module that do not fit together or into the stream."""
    labels = (Label(width, "the width of the stream"),) if width is not None and width != span else ()
    return Diagnostic(
        "DNA401", message, span, f"in this `{owner}`", help=help_ or "change one of the two", labels=labels
    )


def wrong_input(kind: str, accepts: str, found: tuple[str, Sequence[str]], span: Span, source: Span) -> Diagnostic:
    """An embed or head for another sort of input; `found`: the input, and the words that take it."""
    other, fitting = found
    help_ = f"use {listed(fitting)}, or another input" if fitting else "use another input"
    return Diagnostic(
        "DNA402", f"`{kind}` is for {accepts}, and the input is {other}", span, f"takes {accepts}",
        help=help_, labels=(Label(source, f"the input is {other}"),),
    )  # fmt: skip


def missing_part(net: str, what: str, example: str, span: Span) -> Diagnostic:
    """A net without input, embed or head."""
    return Diagnostic("DNA403", f"the net `{net}` has no {what}", span, "incomplete", help=f"add `{example}`")


def second_part(what: str, span: Span, first: Span) -> Diagnostic:
    """A second input or embed."""
    return Diagnostic(
        "DNA404", f"a net has one {what}, and this is the second", span, f"a second {what}",
        help="remove one of the two", labels=(Label(first, f"the first {what}"),),
    )  # fmt: skip


def too_early(what: str, before: str, span: Span) -> Diagnostic:
    """A step before the embed, or an embed before the input."""
    return Diagnostic(
        "DNA405", f"this {what} stands before the {before}", span, f"needs the {before}",
        help=f"write the {before} above it",
    )  # fmt: skip


def tied_to_nothing(span: Span, embeds: Sequence[str]) -> Diagnostic:
    """A head tied to something that is not the embed."""
    here = (
        f"name it: `unembed({embeds[0]})`"
        if embeds
        else "name the embed: `embed words = tokens(...)`, or `tied = true`"
    )
    return Diagnostic(
        "DNA406", f"`{span.text}` is not the embed, so there is no table to share", span, "not the embed", help=here
    )


def several_parts_under_one_norm(name: str, parts: int, span: Span, norm: Span) -> Diagnostic:
    """A transformer in a pool that owns the norm."""
    return Diagnostic(
        "DNA407", f"`{name}` has {parts} parts, and a shared norm feeds one part only", span, "more than one part",
        help="use members of one part (`attention` or `mlp`), or let the members have their own norm",
        labels=(Label(norm, "the shared norm"),),
    )  # fmt: skip


def embed_fault(owner: str, message: str, help_: str, span: Span) -> Diagnostic:
    """Sizes of the embed or of a head that do not fit the input."""
    return Diagnostic("DNA408", message, span, f"in this `{owner}`", help=help_ or "change one of the two")


def second_head(name: ast.Name, first: Span) -> Diagnostic:
    """Two heads on one stream."""
    return Diagnostic(
        "DNA404", "a net has one head, and this is the second", name.span, "a second head",
        help="remove one of the two", labels=(Label(first, "the first head"),),
    )  # fmt: skip


def not_a_step(span: Span, sort: str) -> Diagnostic:
    """A declaration where only steps may stand."""
    return Diagnostic(
        "DNA409", f"{sort} cannot stand here", span, "not here",
        help="declare it in the net itself, above its first use",
    )  # fmt: skip


def empty_parallel(span: Span) -> Diagnostic:
    """Parallel { }"""
    return Diagnostic("DNA410", "this `parallel` has no branches", span, "empty", help="write a step for each branch")


def branch_under_norm(span: Span) -> Diagnostic:
    """A route or repeat in a `parallel` that owns the norm."""
    return Diagnostic(
        "DNA407", "only a single module can read the norm of a `parallel`", span, "not one module",
        help="leave `norm` out of the `parallel`, or write one module for each branch",
    )  # fmt: skip


def rolled_out_module(name: str, why: str, span: Span) -> Diagnostic:
    """A recipe with routing inside, where one flat module is needed."""
    return Diagnostic(
        "DNA901", f"`{name}` as a single module is not supported yet", span, why,
        help="use it as a step, or keep routing out of it",
    )  # fmt: skip

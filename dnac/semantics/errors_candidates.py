"""DNA509, DNA510, DNA518 to DNA521, DNA525, DNA526: members of pools, and what a route may choose among."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import did_you_mean, listed
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def candidate_twice(member: str, span: Span, first: Span) -> Diagnostic:
    """One module twice in a list."""
    return Diagnostic(
        "DNA510", f"`{member}` is listed twice", span, "the same module again", help="list each module once",
        labels=(Label(first, "listed here"),) if first != span else (),
    )  # fmt: skip


def never_routed(member: str, span: Span, *, in_part: bool) -> Diagnostic:
    """Members that no route can choose: all of a name, or some of its numbers."""
    return Diagnostic(
        "DNA509", f"no route can choose `{member}`", span, "some are never used" if in_part else "never used",
        help="route over them, or declare fewer" if in_part else "route over it, or remove it", severity="warning",
    )  # fmt: skip


def several_never_routed(members: Sequence[tuple[str, Span]]) -> Diagnostic:
    """Many members of one pool that no route can choose."""
    names = [name for name, _ in members]
    return Diagnostic(
        "DNA509", f"no route can choose {listed(names)}", members[0][1], "never used",
        help="is it the choice that always takes others? Else route over them, or remove them",
        labels=tuple(Label(span, "nor this one") for _, span in members[1:4]), severity="warning",
    )  # fmt: skip


def empty_route(span: Span) -> Diagnostic:
    """Route [] by ..."""
    return Diagnostic("DNA518", "this route has no candidates", span, "empty", help="name a pool or some members")


def empty_pool(name: str, span: Span) -> Diagnostic:
    """Pool x { }"""
    return Diagnostic(
        "DNA518",
        f"the pool `{name}` has no members",
        span,
        "empty",
        help="add members: `block[4] = transformer(heads = 4)`",
    )


def not_a_candidate(span: Span) -> Diagnostic:
    """A thing in a route list that is no module."""
    return Diagnostic(
        "DNA519", f"`{span.text}` is not something to route to", span, "not a module",
        help="list members (`att.a`, `att.a[0:4]`), modules, or kinds with arguments",
    )  # fmt: skip


def unknown_member(pool: str, name: ast.Name, known: Sequence[str]) -> Diagnostic:
    """pool.member with a wrong member."""
    return Diagnostic(
        "DNA520", f"the pool `{pool}` has no member `{name.text}`", name.span, "no such member",
        help=did_you_mean(name.text, known, f"its members are {listed(known)}"),
    )  # fmt: skip


def ambiguous_member(name: str, span: Span, first: Span) -> Diagnostic:
    """Two members of one name, one of which is an identity."""
    return Diagnostic(
        "DNA521", f"two different members of this route are called `{name}`", span, "the same name",
        help="give members of one route different names", labels=(Label(first, "the other one"),),
    )  # fmt: skip


def same_module_twice(name: str, span: Span) -> Diagnostic:
    """x[3] = a, with a declared module."""
    return Diagnostic(
        "DNA510", f"`{name}` is one module, and cannot be a member several times", span, "one module only",
        help="leave the count out, or write a kind with arguments for fresh weights",
    )  # fmt: skip


def identities_alone(span: Span) -> Diagnostic:
    """A route all of whose choosable candidates leave the stream as it is."""
    return Diagnostic(
        "DNA525", "every candidate that this router can choose is an identity", span, "changes nothing",
        help="add members that compute something, or remove the step", severity="warning",
    )  # fmt: skip


def nothing_left(span: Span) -> Diagnostic:
    """A router that asks for the module just left, where no step can have left any."""
    return Diagnostic(
        "DNA526", "no other routing step chooses among these modules, so a token never has left one of them", span,
        "always none yet", help="declare the pool outside the `repeat`, or leave `last` out", severity="warning",
    )  # fmt: skip

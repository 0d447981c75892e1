"""DNA541 to DNA549: budgets, and what they may and may not be asked."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import listed
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def covers_nothing(name: str, why: str, span: Span) -> Diagnostic:
    """A budget without a choice to limit."""
    return Diagnostic(
        "DNA541", f"the budget `{name}` covers no choice: {why}", span, "nothing to limit",
        help="route over a pool with a choice that varies, or remove the budget",
    )  # fmt: skip


def no_such_router(name: str, text: str, near: str | None, known: Sequence[str], span: Span) -> Diagnostic:
    """A name in `of` that no route above has."""
    above = f"a budget stands behind the routes that it covers; above are {listed(known)}"
    help_ = above if known else "write the budget behind the routes that it covers"
    return Diagnostic(
        "DNA541", f"the budget `{name}` covers no choice: no route above is labelled `{text}`", span, "no such route",
        help=f"did you mean `{near}`?" if near else help_,
    )  # fmt: skip


def infeasible(name: str, target: float, least: float, span: Span, where: Sequence[Span]) -> Diagnostic:
    """A target below the cheapest choices."""
    return Diagnostic(
        "DNA542", f"the budget `{name}` cannot be met: the cheapest choices cost {least:.1%} of the dearest ones",
        span, f"asks for {target:.4g}" if target < 0.001 else f"asks for {target:.1%}",
        help=f"raise the target above {least:.1%}, or add cheaper members such as `keep = identity()`",
        labels=tuple(Label(at, "has no free choice") for at in where[:2]),
    )  # fmt: skip


def unit_misfit(by: str, per: str, fitting: Sequence[str], span: Span) -> Diagnostic:
    """A `per` that its `by` cannot keep."""
    words = " or ".join(f"`per = {word}`" for word in fitting)
    return Diagnostic(
        "DNA543", f"`by = {by}` cannot hold each {per} to a target", span, f"not with `by = {by}`",
        help=f"write {words}",
    )  # fmt: skip


def idle_budget(name: str, why: str, span: Span, help_: str) -> Diagnostic:
    """A budget that can change nothing."""
    return Diagnostic(
        "DNA544", f"the budget `{name}` changes nothing: {why}", span, "has no effect", help=help_, severity="warning"
    )


def no_cheap_member(name: str, span: Span, route: Span) -> Diagnostic:
    """A purse, and a step at which all candidates cost the same."""
    return Diagnostic(
        "DNA545", f"the budget `{name}` is hard, and at one step every choice costs the same", span,
        "a purse needs something cheap to choose",
        help="add a member such as `keep = identity()`, or leave the step out with `of = [...]`",
        labels=(Label(route, "nothing cheaper here"),),
    )  # fmt: skip


def two_controllers(name: str, other: str, span: Span, first: Span) -> Diagnostic:
    """Two things that move the same biases."""
    return Diagnostic(
        "DNA546", f"the budget `{name}` and {other} move the same biases", span, "moves biases too",
        help="keep one of them, or give the budget a loss: `by = loss(quadratic, 1)`",
        labels=(Label(first, "moved here"),), severity="warning",
    )  # fmt: skip


def costs_misfit(name: str, said: int, members: Sequence[str], span: Span, route: Span) -> Diagnostic:
    """Costs that are not as many as the members of a pool."""
    names = [member.rpartition(".")[2] for member in members]
    return Diagnostic(
        "DNA549", f"the budget `{name}` has {said} costs, and {len(names)} members are chosen among", span,
        f"{len(names)} are wanted", help=f"give one each, in this order: {listed(names)}",
        labels=(Label(route, "chooses among them here"),),
    )  # fmt: skip


def no_target(term: str, span: Span) -> Diagnostic:
    """A cost that is only ever pulled down."""
    return Diagnostic(
        "DNA548", f"`{term}` lowers gates without a target, and what it charges is the gate and not what runs", span,
        "all or nothing, on an easy task",
        help="say how much may run: `budget compute = flops(40%, per = batch, by = loss(quadratic, 4))`",
        severity="warning",
    )  # fmt: skip

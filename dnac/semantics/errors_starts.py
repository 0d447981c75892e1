"""DNA560 to DNA565: keys that unlike modules leave for one another, weights and routes that a net starts with."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import did_you_mean, listed
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def history_disagrees(one: str, other: str, what: str, span: Span, first: Span, second: Span) -> Diagnostic:
    """Attention modules of one history whose keys another one cannot read."""
    return Diagnostic(
        "DNA560", f"`{other}` cannot read the keys of `{one}`: {what}", span, "one history for both",
        help="give their attention the same heads, kv_heads and width, or write `sees = module`",
        labels=(Label(first, f"`{one}`"), Label(second, f"`{other}`")),
    )  # fmt: skip


def history_of_two(name: str, count: int, span: Span, module: Span) -> Diagnostic:
    """A module that would leave several keys for one pair of token and step."""
    return Diagnostic(
        "DNA561", f"`{name}` has {count} attentions, and a history holds one key for each token and step", span,
        "sees the history", help="make a member of each attention, or write `sees = module`",
        labels=(Label(module, f"`{name}`"),),
    )  # fmt: skip


def nothing_to_start(name: str, span: Span, known: Sequence[str]) -> Diagnostic:
    """An `init` of something that has no weights."""
    return Diagnostic(
        "DNA562", f"no weights are called `{name}`", span, "nothing of this name has weights",
        help=did_you_mean(name, known) or f"name a step, a module, a pool's member, the embed or head: {listed(known)}",
    )  # fmt: skip


def started_twice(name: str, span: Span) -> Diagnostic:
    """Two `init` statements for the same weights."""
    return Diagnostic(
        "DNA562", f"`{name}` starts from a checkpoint already", span, "said twice", help="remove one of the two",
    )  # fmt: skip


def layers_missing(name: str, count: int, span: Span) -> Diagnostic:
    """Modules without the layers that they shall start from."""
    return Diagnostic(
        "DNA563", f"`{name}` does not say which layers it starts from", span, "`layers` is missing",
        help=f"add `layers = range(0, {count})`",
    )  # fmt: skip


def layers_without_modules(name: str, span: Span) -> Diagnostic:
    """Layers for an embed or a head."""
    return Diagnostic(
        "DNA563", f"`{name}` is no module, so it has no layers", span, "of no use here", help="remove `layers`",
    )  # fmt: skip


def layers_do_not_fit(layers: int, modules: int, sets: int, span: Span) -> Diagnostic:
    """More or fewer layers than modules."""
    copies = f", {sets} for a copy in each of the {sets} sets," if sets > 1 else ""
    return Diagnostic(
        "DNA563", f"{layers} layers for {modules} modules", span, f"{layers} layers",
        help=f"name {modules} layers{copies} or one for all",
    )  # fmt: skip


def start_fault(message: str, help_: str, span: Span, route: Span) -> Diagnostic:
    """A start that the router or its candidates do not allow."""
    return Diagnostic(
        "DNA564", f"the start does not fit: {message}", span, "asked for here", help=help_ or "change the start",
        labels=(Label(route, "routes here"),),
    )  # fmt: skip


def start_teaches_nothing(margin: float, span: Span) -> Diagnostic:
    """A start that holds the gates at 1 for ever."""
    return Diagnostic(
        "DNA565", f"while the margin stays at {margin:g} every gate is 1 or 0, so the router cannot learn", span,
        "never changes", severity="warning",
        help="lower it while training, `margin = schedule(20, linear(4, 20%))`, or write `weight = one; grad = ste`",
    )  # fmt: skip

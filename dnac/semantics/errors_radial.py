"""DNA560 to DNA569: one history for unlike modules, routers that start sequential, weights from a checkpoint."""

from __future__ import annotations

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

"""DNA553 to DNA559, DNA569 to DNA571: tokens that leave, and losses inside the net; DNA566 to DNA568: turns chosen."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import listed
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def of_a_halt(what: str, span: Span) -> Diagnostic:
    """A word of halting steps at a routing step."""
    return Diagnostic(
        "DNA553", f"`{what}` is for `halt by`, not for `route`", span, "no step of a loop halts here",
        help="write `halt by { ... }` in a `repeat`, or use another word",
    )  # fmt: skip


def not_of_a_halt(what: str, help_: str, span: Span) -> Diagnostic:
    """A word of routing steps at a halting step."""
    return Diagnostic(
        "DNA553", f"`{what}` has no meaning at a halting step", span, "a halting step runs no module", help=help_
    )


def sum_at_all_steps(choose: str, when: str, span: Span) -> Diagnostic:
    """A halting step that adds up chances, at training or at evaluation alone."""
    return Diagnostic(
        "DNA553", f"`when = {when}` does not go with `choose = {choose}`", span, "a sum of chances wants all steps",
        help="leave `when` out, or leave by one step alone: `choose = threshold(0.5)`",
    )  # fmt: skip


def always_leaves(what: str, span: Span) -> Diagnostic:
    """A halting step that lets everybody leave at once."""
    return Diagnostic(
        "DNA554", f"with `{what}` every token leaves at the first halting step", span, "one candidate: always chosen",
        help="use `choose = threshold(0.9)` or `accumulate(0.99)`, and `gate = sigmoid`",
    )  # fmt: skip


def out_of_reach(over: float, of: str, span: Span) -> Diagnostic:
    """A threshold that no chance to leave can exceed."""
    return Diagnostic(
        "DNA571", f"no token ever leaves here: `{of}` is at most 1, and the threshold is {over:g}", span,
        "never exceeded",
        help="write a threshold below 1, such as `threshold(0.9)`; `threshold(1)` says that nobody shall leave",
        severity="warning",
    )  # fmt: skip


def nothing_teaches(span: Span) -> Diagnostic:
    """A halting router with weights to learn and nothing that reaches them."""
    return Diagnostic(
        "DNA555", "nothing teaches this router when to leave", span, "its weights get no gradient",
        help="write `weight = halting`, a loss such as `ponder(1e-2)`, `frozen = true`, or `score = confidence(lm)`",
    )  # fmt: skip


def two_means(span: Span, first: Span) -> Diagnostic:
    """Halting steps of one loop of which some weigh the stream and some do not."""
    return Diagnostic(
        "DNA556", "halting steps of one loop must agree on `weight`", span, "weighs otherwise",
        help="write `weight = halting` at all of them or at none", labels=(Label(first, "than this one"),),
    )  # fmt: skip


def two_sights(span: Span) -> Diagnostic:
    """Ways out of one net of which some leave keys behind and some do not."""
    return Diagnostic(
        "DNA557", "all ways out of a net must agree on `sees = copied`", span, "others leave no keys behind",
        help="write `sees = copied` at all steps where tokens leave, or at none",
    )  # fmt: skip


def not_a_tap(found: str, heads: Sequence[str], span: Span) -> Diagnostic:
    """A tap, or a measure of confidence, by something that is no head."""
    return Diagnostic(
        "DNA558", f"{found} is no head", span, "not a head",
        help=f"name {listed(heads)}" if heads else "declare it before: `head lm = unembed()`",
    )  # fmt: skip


def tap_without_halt(span: Span) -> Diagnostic:
    """A tap weighed by a halting step that is not there."""
    return Diagnostic(
        "DNA559", "no halting step stands before this tap in its loop", span, "`loss = halting` has no chances to take",
        help="put `halt by ...` before it, or write a number",
    )  # fmt: skip


def shares_take_no_turns(span: Span) -> Diagnostic:
    """Taps that share each token's loss and count at some train steps alone."""
    return Diagnostic(
        "DNA569", "taps that share a token's loss cannot take turns", span, "`loss = halting` needs all of them",
        help="leave `every` out, or write a number for `loss`",
    )  # fmt: skip


def foretells_itself(score: str, when: str, span: Span) -> Diagnostic:
    """A score that learns what the whole net says, where tokens leave before it while training."""
    return Diagnostic(
        "DNA570", f"`{score}` learns what the whole net says of a token, and here it may leave first", span,
        f"`when = {when}`", help="write `when = eval`: while training nobody leaves",
    )  # fmt: skip


def no_loop_behind(span: Span) -> Diagnostic:
    """A choice of turns without a loop."""
    return Diagnostic(
        "DNA566", "no `repeat` follows this choice of turns in its block", span, "chooses turns of nothing",
        help="write the `repeat` behind it, or leave `after` out and route inside the `repeat`",
    )  # fmt: skip


def two_choices_of_turns(span: Span, first: Span) -> Diagnostic:
    """Two choices of turns in front of one loop."""
    return Diagnostic(
        "DNA566", "two steps choose the turns of one `repeat`", span, "chooses again",
        help="leave one of them out", labels=(Label(first, "the first choice"),),
    )  # fmt: skip


def too_many_turns(chosen: int, turns: int, span: Span, loop: Span) -> Diagnostic:
    """A choice of more turns than the loop has."""
    return Diagnostic(
        "DNA567", f"a token can choose {chosen} turns of a `repeat` that has {turns}", span, "too many turns",
        help=f"use at most {turns}, or write `repeat {chosen}`", labels=(Label(loop, "the loop"),),
    )  # fmt: skip


def turns_beside_others(name: str, span: Span) -> Diagnostic:
    """A choice of turns among other candidates."""
    return Diagnostic(
        "DNA568", f"`{name}` is no number of turns, and others beside it are", span, "not an `exit(loop, after = ...)`",
        help="route to it in a step of its own",
    )  # fmt: skip


def several_turns(what: str, span: Span) -> Diagnostic:
    """A choice of turns by which a token takes several numbers, or none."""
    return Diagnostic(
        "DNA568", f"a number of turns is one choice, which `{what}` is not", span, "not one number",
        help="use `choose = top(1)` and leave `combine` out",
    )  # fmt: skip

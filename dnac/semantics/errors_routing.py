"""DNA5xx: routers and routing steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dnac.semantics.errors_names import listed
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def choice_fault(message: str, help_: str, span: Span, route: Span) -> Diagnostic:
    """A choice that the candidates do not allow: k exceeds the pool."""
    return Diagnostic(
        "DNA501", message, span, "does not fit the candidates", help=help_ or "change the choice or the pool",
        labels=(Label(route, "routes here"),),
    )  # fmt: skip


def one_candidate(span: Span) -> Diagnostic:
    """A router with nothing to choose from."""
    return Diagnostic(
        "DNA502", "this router has a single candidate, so there is nothing to choose", span, "one candidate",
        help="use the module as a step, or add members", severity="warning",
    )  # fmt: skip


def weight_missing(what: str, span: Span, words: Sequence[str]) -> Diagnostic:
    """A sparse router that does not say how outputs are weighted."""
    return Diagnostic(
        "DNA503", f"a router that {what} must say `weight`", span, "`weight` is missing",
        help=f"add `weight = raw` (DNA, eq. 1), or one of {listed(words)}",
    )  # fmt: skip


def balance_missing(what: str, span: Span) -> Diagnostic:
    """A sparse router that does not say how its load is balanced."""
    return Diagnostic(
        "DNA504", f"a router that {what} must say `balance`", span, "`balance` is missing",
        help="add `balance = []` for none, or terms such as `[aux(0.01)]`",
    )  # fmt: skip


def no_gradient(weight: str, k: int, span: Span) -> Diagnostic:
    """A weight through which the router learns nothing."""
    why = " with k = 1" if weight == "renormalised" else ""
    return Diagnostic(
        "DNA505", f"`weight = {weight}`{why} gives the router no gradient", span, "does not depend on the gates",
        help="use `weight = raw`, or `grad = ste`, or a score that does not learn (`frozen = true`, `random`, `hash`)",
    )  # fmt: skip


def balance_fault(term: str, message: str, help_: str, span: Span, pool: Span) -> Diagnostic:
    """A balance term that does not fit the route."""
    return Diagnostic(
        "DNA506", f"`{term}`: {message}", span, "does not fit this route", help=help_ or "change the term or the pool",
        labels=(Label(pool, "the candidates"),),
    )  # fmt: skip


def few_identities(member: str, found: int, k: int, span: Span) -> Diagnostic:
    """Fewer identities than choices: no token can skip completely."""
    return Diagnostic(
        "DNA507", f"{k} choices and {found} of `{member}`: no token can skip a whole step", span,
        "fewer identities than choices", help=f"declare `{member}[{k}] = identity()`", severity="warning",
    )  # fmt: skip


def bias_out_of_reach(rate: float, steps: int, span: Span, is_target: bool) -> Diagnostic:
    """Rate times steps is too little for the bias to matter. A rate that would do in a very short run is no advice:
    it carries all tokens of a batch over at once.
    """
    enough = max(1.5 / steps, 1e-3)
    longer = f"train about {1.5 / rate:,.0f} steps" if rate else "train longer"
    return Diagnostic(
        "DNA508", f"a rate of {rate:.4g} over {steps:,} train steps moves a bias by at most {rate * steps:.2g}", span,
        "may not reach its share" if is_target else "may not level the load",
        help=f"use a rate of about {enough:.1g}, or train longer" if enough <= 1e-2
        else f"{longer}; a rate above 0.01 moves all tokens at once", severity="warning",
    )  # fmt: skip


def no_pool_norm(span: Span, route: Span) -> Diagnostic:
    """`read = normed` over a pool without a norm."""
    return Diagnostic(
        "DNA511", "`normed` reads the pool's own norm, and this pool has none", span, "no norm to read",
        help="write `pool name(norm = rms) { ... }`, or `read = [h]`", labels=(Label(route, "routes here"),),
    )  # fmt: skip


def router_on_two_pools(name: str, span: Span, first: Span) -> Diagnostic:
    """A shared router over different candidates."""
    return Diagnostic(
        "DNA515", f"the router `{name}` already routes over other candidates", span, "other candidates here",
        help="declare a second router, or route over the same pool", labels=(Label(first, "used here first"),),
    )  # fmt: skip


def nothing_to_score(span: Span) -> Diagnostic:
    """All members are in `always`."""
    return Diagnostic(
        "DNA516", "all members run always, so nothing is left to choose", span, "leaves no candidate",
        help="take one out of `always`, or use `parallel`",
    )  # fmt: skip


def two_norms(span: Span, other: Span) -> Diagnostic:
    """One route over members that read different norms."""
    return Diagnostic(
        "DNA517", "the candidates belong to pools with different norms", span, "another norm",
        help="route over pools that share a norm, or that have none", labels=(Label(other, "one norm here"),),
    )  # fmt: skip


def not_a_router(span: Span, sort: str) -> Diagnostic:
    """Route x by something that is no router."""
    return Diagnostic(
        "DNA522", f"`{span.text}` is {sort}, and a router is needed here", span, "not a router",
        help="write `by { choose = ... }`, or name a router or a `def router`",
    )  # fmt: skip


def untrainable(message: str, span: Span, help_: str) -> Diagnostic:
    """Weights, or a word about weights, where training can change nothing."""
    return Diagnostic("DNA523", message, span, "nothing trains it", help=help_, severity="warning")


def idle_term(term: str, why: str, span: Span, help_: str) -> Diagnostic:
    """A balance term that can change nothing."""
    return Diagnostic(
        "DNA524", f"`{term}` changes nothing: {why}", span, "has no effect", help=help_, severity="warning"
    )


def choice_without_router(span: Span, choice: str) -> Diagnostic:
    """`by top(2)`: one answer in the place of all."""
    return Diagnostic(
        "DNA522", f"`{span.text}` is a word for `choose`, and a router is needed here", span, "not a router",
        help=f"write `by {{ choose = {choice}; weight = raw; balance = [] }}`",
    )  # fmt: skip


def mixes_without_keys(kind: str, sees: str, span: Span, module: Span) -> Diagnostic:
    """A module without keys under a router whose attention sees those of earlier steps."""
    return Diagnostic(
        "DNA527", f"`sees = {sees}` hands on keys, and `{kind}` makes none", span, "asks for earlier routing steps",
        help="write `sees = peers` or `everyone`, or route to attention alone",
        labels=(Label(module, f"`{kind}` here"),),
    )  # fmt: skip


def limit_below_demand(message: str, help_: str, span: Span, pool: Span) -> Diagnostic:
    """A capacity that even a level load exceeds."""
    return Diagnostic(
        "DNA530", message, span, "less room than choices", help=help_, severity="warning",
        labels=(Label(pool, "the candidates"),),
    )  # fmt: skip


def limit_never_full(message: str, help_: str, span: Span, pool: Span) -> Diagnostic:
    """A capacity that no load can fill."""
    return Diagnostic(
        "DNA531", message, span, "limits nothing", help=help_, severity="warning",
        labels=(Label(pool, "the candidates"),),
    )  # fmt: skip


def decode_without_need(word: str, choice: str, span: Span) -> Diagnostic:
    """A second way to choose for a choice that can be generated with as it is."""
    return Diagnostic(
        "DNA532", f"`decode = {word}` has nothing to replace: `choose = {choice}` looks at no other token", span,
        "not needed here", help="remove `decode`; it stands beside `choose = top_tokens(...)`",
    )  # fmt: skip


def gate_starts_closed(gate: str, message: str, help_: str, span: Span) -> Diagnostic:
    """A gate with a true zero that is closed from the start."""
    return Diagnostic("DNA540", f"`{gate}`: {message}", span, "starts closed", help=help_, severity="warning")


def starts_below(choice: str, over: float, start: float, span: Span) -> Diagnostic:
    """Gates that start below the line that they must exceed."""
    lower = f"lower it, `{choice}({start / 2:.2g})`" if start > 0 else ""
    bias = f"start above it, `gate = sigmoid(bias = {math.log(over / (1 - over)) + 1.5:.1f})`" if 0 < over < 1 else ""
    return Diagnostic(
        "DNA540", f"`{choice}`: with scores around 0 the gates start at {start:.2g}, and none exceeds {over:g}", span,
        "nothing runs, so nothing learns", help=", or ".join(filter(None, (lower, bias))) or "lower it",
        severity="warning",
    )  # fmt: skip


def scope_misfit(scope: str, why: str, help_: str, span: Span) -> Diagnostic:
    """One decision for several tokens, and something that is of each token."""
    message = f"`scope = {scope}` makes one decision for many tokens, and {why}"
    return Diagnostic("DNA534", message, span, "does not go with it", help=help_)


def nothing_earned(grad: str, why: str, span: Span) -> Diagnostic:
    """A gradient by what draws earn, where nothing is drawn by its gate alone."""
    return Diagnostic(
        "DNA535", f"`grad = {grad}` learns from one drawn choice for each token, and {why}", span, "nothing is earned",
        help="use `choose = sample(1, eval = largest)` without biases, or `grad = ste`",
    )  # fmt: skip


def exit_as_step(span: Span) -> Diagnostic:
    """A way out that no router chooses: every token would take it."""
    return Diagnostic(
        "DNA550", "`exit` is a member of a pool, for a router to choose", span, "every token would leave here",
        help="write `pool go { body = transformer(heads = 4); out = exit() }` and `route go by ...`",
    )  # fmt: skip


def exit_always(span: Span) -> Diagnostic:
    """A way out among the members that always run."""
    return Diagnostic(
        "DNA550", "`exit` is a member of a pool, for a router to choose", span, "every token would leave here",
        help="take the exit out of `always`",
    )  # fmt: skip


def no_loop_to_halt(span: Span) -> Diagnostic:
    """`halt by` where no repeat is around."""
    return Diagnostic(
        "DNA551", "no `repeat` is around this `halt`, so there is no loop to leave", span, "leaves a loop",
        help="put it into a `repeat`, behind the steps after which tokens may leave",
    )  # fmt: skip


def no_loop_to_leave(span: Span) -> Diagnostic:
    """`exit(loop)` where no repeat is around."""
    return Diagnostic(
        "DNA551", "no `repeat` is around this routing step, so there is no loop to leave", span,
        "routes to `exit(loop)`", help="put the step into a `repeat`, or write `exit()` to leave the net",
    )  # fmt: skip


def exit_of_branch(span: Span) -> Diagnostic:
    """A way out inside a branch of a parallel: the other branches would go on."""
    return Diagnostic(
        "DNA552", "a token cannot leave inside a branch of `parallel`", span, "routes to an exit",
        help="route to the exit before or behind the `parallel`",
    )  # fmt: skip


def untrained_scale(why: str, span: Span) -> Diagnostic:
    """Gates of a router that never learns, as factors of what modules give."""
    return Diagnostic(
        "DNA547", f"the gates weigh the outputs, and the router {why}", span, "an untrained scale",
        help="use `weight = uniform` or `one` (or `renormalised` where k > 1)", severity="warning",
    )  # fmt: skip

"""DNA3xx: values, arguments, and sizes of what a spec expands to."""

from __future__ import annotations

from collections.abc import Sequence

from dnac.semantics.errors_names import did_you_mean, listed
from dnac.text import elsewhere
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span


def unknown_argument(owner: str, key: str, span: Span, known: Sequence[str]) -> Diagnostic:
    """A key that the word does not take."""
    otherwise = f"it takes {listed(known, 24)}" if known else f"`{owner}` takes no arguments"
    help_ = elsewhere.argument(key, known) or did_you_mean(key, known, otherwise)
    return Diagnostic("DNA301", f"`{owner}` has no `{key}`", span, "unknown here", help=help_)


def missing_argument(owner: str, key: str, wanted: str, span: Span, known: Sequence[str] = ()) -> Diagnostic:
    """An argument without default that is not given; `known`: the words that it takes."""
    takes = f"one of {listed(known, 24)}" if known else wanted
    return Diagnostic(
        "DNA302", f"`{owner}` needs `{key}`", span, f"`{key}` is missing", help=f"add `{key} = ...`: {takes}"
    )


def wrong_type(  # noqa: PLR0913 - what was found and all that would do
    owner: str, key: str, found: str, wanted: str, span: Span, words: Sequence[str] = (), near: str | None = None
) -> Diagnostic:
    """A value of the wrong sort; `words`: those that would do; `near`: the one that may be meant."""
    help_ = f"it can be {listed(words, 24)}" if words else f"give {wanted}"
    help_ = f"did you mean `{near}`?" if near else help_
    return Diagnostic("DNA303", f"`{key}` of `{owner}` cannot be {found}", span, f"{wanted} is needed", help=help_)


def wrong_unit(what: str, found: str, wanted: str, span: Span) -> Diagnostic:
    """A `%` or an `x` where none is meant."""
    plain = f"{float(found[:-1]) / 100:g}" if found.endswith("%") and "whole" not in wanted else ""
    help_ = f"write `{plain}`" if plain else f"write {wanted} without that unit"
    return Diagnostic("DNA304", f"{what} cannot be `{found}`", span, f"{wanted} is needed", help=help_)


def share_without_percent(what: str, found: str, whole: str, span: Span, *, is_percent: bool) -> Diagnostic:
    """A number above 1 where a fraction is meant; `is_percent`: it may be one in percent."""
    return Diagnostic(
        "DNA304", f"{what} is a share of {whole}, and `{found}` is more than all of it", span, "a share is needed",
        help=f"write `{found}%` if that is meant" if is_percent else "write a share of it, such as `30%`",
    )  # fmt: skip


def out_of_range(owner: str, key: str, found: str, rule: str, span: Span) -> Diagnostic:
    """A number outside its range."""
    return Diagnostic(
        "DNA305", f"`{key}` of `{owner}` is {found}, and must be {rule}", span, f"must be {rule}",
        help=f"give a value that is {rule}",
    )  # fmt: skip


def order_of_arguments(owner: str, fields: Sequence[str], missing: str) -> str:
    """The help for a bare argument in the place of another."""
    return f"in order `{owner}` takes {listed(fields)}; or name it: `{missing} = ...`"


def too_many_arguments(owner: str, most: int, span: Span, known: Sequence[str]) -> Diagnostic:
    """More positional arguments than fields."""
    takes = f"it takes {listed(known)}" if known else "write it without arguments"
    return Diagnostic(
        "DNA306", f"`{owner}` takes at most {most} argument{'s' * (most != 1)}", span, "one too many", help=takes
    )


def argument_twice(owner: str, key: str, span: Span, first: Span) -> Diagnostic:
    """One argument given twice."""
    return Diagnostic(
        "DNA307", f"`{key}` of `{owner}` is given twice", span, "given again here",
        help="keep one of the two", labels=(Label(first, "given here first"),),
    )  # fmt: skip


def positional_after_named(owner: str, span: Span) -> Diagnostic:
    """A bare argument after a named one."""
    return Diagnostic(
        "DNA306", f"a bare argument of `{owner}` stands after a named one", span, "needs a name here",
        help="put bare arguments first, or name this one",
    )  # fmt: skip


def unknown_word(key: str, word: str, span: Span, known: Sequence[str]) -> Diagnostic:
    """A word that the field does not take."""
    meant = elsewhere.value(word, known)
    otherwise = f"it can be {listed(known, 24)}" if known else "give a value"
    return Diagnostic(
        "DNA308", f"`{key}` cannot be `{word}`", span, "not a word for this field",
        help=f"here it is called `{meant}`" if meant else did_you_mean(word, known, otherwise),
    )  # fmt: skip


def division_by_zero(span: Span) -> Diagnostic:
    """X / 0"""
    return Diagnostic("DNA309", "division by zero", span, "the right side is 0", help="give a divisor that is not 0")


def units_differ(op: str, left: str, right: str, span: Span) -> Diagnostic:
    """30% + 2"""
    return Diagnostic(
        "DNA310", f"`{left} {op} {right}` mixes units", span, "units do not fit",
        help="use plain numbers, or the same unit on both sides",
    )  # fmt: skip


def number_too_large(span: Span) -> Diagnostic:
    """A number beyond all use."""
    return Diagnostic(
        "DNA311", "this number is too large", span, "beyond 10^18", help="numbers of a spec stay below 10^18"
    )


def not_whole(what: str, found: str, span: Span) -> Diagnostic:
    """2.5 where a count is needed."""
    return Diagnostic(
        "DNA312", f"{what} must be a whole number, and this is {found}", span, "not a whole number",
        help="write a whole number, or values that divide evenly",
    )  # fmt: skip


def not_a_number(found: str, span: Span) -> Diagnostic:
    """Arithmetic on a word."""
    return Diagnostic("DNA313", f"{found} is not a number", span, "a number is needed", help="use numbers and params")


def takes_no_arguments(what: str, span: Span) -> Diagnostic:
    """A value called as if it were a word."""
    return Diagnostic(
        "DNA306", f"`{what}` takes no arguments", span, "not a word with arguments", help=f"write `{what}`"
    )


def bad_schedule(message: str, span: Span, help_: str) -> Diagnostic:
    """A schedule that cannot be followed."""
    return Diagnostic("DNA314", message, span, "in this schedule", help=help_)


def index_out_of_range(index: int, size: int, span: Span) -> Diagnostic:
    """a[9] of 4"""
    return Diagnostic(
        "DNA315", f"there is no number {index} among {size}", span, "outside", help=f"indices go from 0 to {size - 1}"
    )


def slice_out_of_range(start: int, stop: int, size: int, span: Span) -> Diagnostic:
    """a[3:9] of 4"""
    return Diagnostic(
        "DNA315", f"`[{start}:{stop}]` does not lie within the {size} there are", span, "outside or empty",
        help=f"a slice goes from 0 to {size} at most, and takes at least one",
    )  # fmt: skip


def no_parts(found: str, span: Span) -> Diagnostic:
    """An index into something that is no list."""
    return Diagnostic("DNA315", f"{found} is not a list", span, "cannot be indexed", help="index lists and pools only")


def count_out_of_range(what: str, count: int, most: int, span: Span) -> Diagnostic:
    """A repeat or pool of no or of too many."""
    return Diagnostic(
        "DNA316", f"{what} must be 1 to {most:,}, and this is {count:,}", span, "out of range",
        help=f"give 1 to {most:,}",
    )  # fmt: skip


def too_large(what: str, size: int, most: int, span: Span) -> Diagnostic:
    """A spec that expands beyond the budget."""
    return Diagnostic(
        "DNA317", f"this net would have {size:,} {what}, and at most {most:,} are built", span, "makes it too large",
        help="use fewer turns, members or a smaller width",
    )  # fmt: skip


def values_clash(owner: str, key: str, message: str, help_: str, span: Span) -> Diagnostic:
    """A kind's own complaint about one of its arguments."""
    return Diagnostic(
        "DNA318", f"`{key}` of `{owner}`: {message}", span, "does not fit", help=help_ or "change one of the two"
    )


def assert_false(text: str, span: Span, found: str) -> Diagnostic:
    """An assert that does not hold."""
    return Diagnostic("DNA319", f"`assert {text}` does not hold", span, found, help="change the net or the assert")


def assert_unknown(text: str, span: Span, known: Sequence[str]) -> Diagnostic:
    """An assert about a quantity that nobody computes."""
    parts = [name for name in known if name.startswith(text)]
    otherwise = f"what can be asserted: {listed(known, 24)}"
    return Diagnostic(
        "DNA320", f"nothing is known about `{text}`", span, "cannot be asserted",
        help=f"say which: {listed(parts)}" if parts else did_you_mean(text, known, otherwise),
    )  # fmt: skip


def field_sum(message: str, span: Span, help_: str) -> Diagnostic:
    """A list of the wrong length."""
    return Diagnostic("DNA321", message, span, "wrong length", help=help_)


def unsupported(what: str, span: Span, why: str = "") -> Diagnostic:
    """Known to the language and not built."""
    return Diagnostic(
        "DNA901", f"{what} is not supported yet", span, why or "known, and not built",
        help="`dnac explain DNA901` says what is built",
    )  # fmt: skip

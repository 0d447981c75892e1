"""DNA1xx: what can be wrong with the form of a spec. One constructor for each condition."""

from __future__ import annotations

from dnac.syntax.words import FORMS, SUFFIXES, UNITS
from dnac.text.diagnostic import Diagnostic, Label
from dnac.text.source import Span

# --- first line -------------------------------------------------------------------------------


def missing_header(span: Span) -> Diagnostic:
    """The file does not begin with its language version."""
    return Diagnostic(
        "DNA101", "the first line is not the language version", span, help="begin the file with the line `dna 1`"
    )


def unknown_version(span: Span, written: str) -> Diagnostic:
    """A version this dnac does not read."""
    return Diagnostic(
        "DNA102", f"unknown language version `{written}`", span, label="this dnac reads version 1", help="write `dna 1`"
    )


# --- words ------------------------------------------------------------------------------------


def stray_character(span: Span, text: str) -> Diagnostic:
    """A character outside of comments and texts that means nothing."""
    shown = text if text.isprintable() else " ".join(f"U+{ord(c):04X}" for c in text)
    return Diagnostic("DNA103", f"unexpected `{shown}`", span, label="this has no meaning here", help=_instead_of(text))


def _instead_of(text: str) -> str:
    known = {
        "!=": "compare by `<`, `<=`, `==`, `>=` or `>`",
        "->": "a setting is written `name = value`",
        "=>": "a setting is written `name = value`",
        ":=": "a setting is written `name = value`",
        "**": "write the product out: `x * x`",
        "&&": "write `&`",
        "+=": "a setting is written `name = value`",
        "-=": "a setting is written `name = value`",
        "\u00d7": "write `*`, or `4x` for four times the width",
        "\u2013": "write `-`",
        "\u2212": "write `-`",
        "\u2264": "write `<=`",
        "\u2265": "write `>=`",
        "%": "`%` belongs right behind a number, as in `30%`",
        "\u00a0": "write an ordinary space",
    }
    if text in known:
        return known[text]
    if text.isalpha():
        return "names are made of the letters a-z and A-Z, digits and `_`"
    return 'delete it, or put it into a text `"..."` or behind `#`'


def foreign_comment(span: Span, written: str) -> Diagnostic:
    """`//` and `/*` begin no comment."""
    return Diagnostic("DNA104", f"`{written}` does not begin a comment", span, help="comments begin with `#`")


def unterminated_string(span: Span) -> Diagnostic:
    """A text without its closing quote on the same line."""
    return Diagnostic(
        "DNA105", "this text is not closed", span, label="opened here", help='close it with `"` on the same line'
    )


def wrong_quotes(span: Span, inside: str) -> Diagnostic:
    """A text in single or typographic quotes."""
    shown = inside if len(inside) <= 40 and inside.isprintable() else "..."
    return Diagnostic("DNA105", "texts stand in straight double quotes", span, help=f'write `"{shown}"`')


def unknown_escape(span: Span, written: str) -> Diagnostic:
    """A backslash before a character that needs none."""
    return Diagnostic(
        "DNA105", f"unknown escape `{written}`", span, help='the escapes are `\\\\`, `\\"`, `\\n` and `\\t`'
    )


def malformed_number(span: Span, repair: str) -> Diagnostic:
    """Digits that make no number."""
    return Diagnostic("DNA106", f"`{_short(span.text)}` is not a number", span, help=repair)


def unknown_suffix(span: Span, suffix: str, near: str | None) -> Diagnostic:
    """Letters behind a number that are no suffix."""
    known = ", ".join((*SUFFIXES, *UNITS))
    return Diagnostic(
        "DNA107",
        f"unknown suffix `{_short(suffix)}`",
        span,
        label="not a suffix of numbers",
        help=f"did you mean `{near}`?" if near else f"the suffixes are {known}",
    )


def detached_suffix(span: Span, repaired: str) -> Diagnostic:
    """A space between a number and its suffix."""
    return Diagnostic("DNA107", "a suffix touches its number", span, help=f"write `{repaired}`")


def number_out_of_range(span: Span) -> Diagnostic:
    """A number too large for a 64-bit float."""
    return Diagnostic("DNA108", "this number is too large", span, help="the largest number is about `1e308`")


def too_long(what: str, span: Span, limit: int) -> Diagnostic:
    """A name or number beyond the limit."""
    return Diagnostic("DNA108", f"this {what} has more than {limit} characters", span, help="write it shorter")


# --- brackets ---------------------------------------------------------------------------------


def too_deep(span: Span, limit: int) -> Diagnostic:
    """Brackets and operators nest too deeply."""
    return Diagnostic(
        "DNA109",
        f"more than {limit} levels of brackets and operators",
        span,
        label="this goes too deep",
        help="name the inner part by `param` or `def`",
    )


def unclosed(span: Span, opener: str, closer: str) -> Diagnostic:
    """An opening bracket without its closing one."""
    return Diagnostic(
        "DNA110", f"this `{opener}` is not closed", span, label="opened here", help=f"add the missing `{closer}`"
    )


def unmatched(span: Span, closer: str) -> Diagnostic:
    """A closing bracket without its opening one."""
    return Diagnostic("DNA111", f"this `{closer}` closes nothing", span, help="delete it")


def wrong_closer(span: Span, closer: str, opener: Span, right: str) -> Diagnostic:
    """A closing bracket of the wrong sort."""
    return Diagnostic(
        "DNA111",
        f"`{closer}` does not close `{opener.text}`",
        span,
        help=f"write `{right}`",
        labels=(Label(opener, "opened here"),),
    )


# --- statements -------------------------------------------------------------------------------


def unknown_statement(span: Span, word: str, near: str | None, where: str, holds: str) -> Diagnostic:
    """The first word of a statement is none that can begin one."""
    message = f"unknown word `{_short(word)}` {where}"
    return Diagnostic("DNA112", message, span, help=f"did you mean `{near}`?" if near else holds)


def no_statement(span: Span, word: str) -> Diagnostic:
    """Words side by side of which the first may be a kind or a misspelt keyword."""
    word = _short(word)
    help_ = f"a step with arguments is written `{word}(...)`; other statements begin with a word such as `repeat`"
    return Diagnostic("DNA112", f"`{word}` begins no statement", span, help=help_)


def misplaced(span: Span, word: str, where: str, repair: str) -> Diagnostic:
    """A known form in a place where it cannot stand."""
    return Diagnostic("DNA113", f"`{_short(word)}` cannot stand {where}", span, help=repair)


def brace_in_value(span: Span) -> Diagnostic:
    """`{` inside ( ) or [ ]."""
    return Diagnostic("DNA113", "`{` cannot stand inside ( ) or [ ]", span, help="a list is written `[a, b]`")


def missing_equals(span: Span, name: str) -> Diagnostic:
    """Two words where `name = value` was meant."""
    return Diagnostic("DNA114", f"missing `=` behind `{_short(name)}`", span, help=f"write `{_short(name)} = ...`")


def colon_for_equals(span: Span, name: str) -> Diagnostic:
    """`name: value`."""
    return Diagnostic(
        "DNA114", "settings and arguments are written with `=`", span, help=f"write `{_short(name)} = ...`"
    )


def missing_value(span: Span, after: str) -> Diagnostic:
    """Nothing behind `=`, an operator or a comma."""
    return Diagnostic(
        "DNA115",
        f"missing value behind `{_short(after)}`",
        span,
        label="a value belongs here",
        help="values are numbers, names, calls, texts and lists",
    )


def missing_name(span: Span, after: str, form: str) -> Diagnostic:
    """Nothing, or no name, behind a word that introduces one."""
    return Diagnostic(
        "DNA116",
        f"missing name behind `{after}`",
        span,
        help=f"it is written `{form}`" if form else "names are letters, digits and `_`, without quotes",
    )


def list_behind_dot(span: Span, pool: str) -> Diagnostic:
    """`nodes.[a, b]`."""
    return Diagnostic(
        "DNA116", "missing name behind `.`", span, help=f"name each member: `[{pool}.first, {pool}.second]`"
    )


def missing_pool(span: Span) -> Diagnostic:
    """A `route` that does not say over what."""
    return Diagnostic("DNA116", "missing pool behind `route`", span, help=f"it is written `{FORMS['route']}`")


def missing_def_sort(span: Span) -> Diagnostic:
    """`def` without `module` or `router`."""
    return Diagnostic(
        "DNA116", "missing `module` or `router` behind `def`", span, help="it is written `def module name(...) { ... }`"
    )


def missing_by(span: Span, word: str) -> Diagnostic:
    """A `route` or `halt` without `by`."""
    return Diagnostic("DNA117", f"missing `by` in this `{word}`", span, help=f"it is written `{FORMS[word]}`")


def missing_block(span: Span, word: str) -> Diagnostic:
    """A form that ends before its `{ ... }`."""
    return Diagnostic("DNA118", f"missing `{{ ... }}` of `{word}`", span, help=f"it is written `{FORMS[word]}`")


def missing_with(span: Span) -> Diagnostic:
    """`net b = a` without what changes."""
    return Diagnostic(
        "DNA118",
        "missing `with { ... }` of this net",
        span,
        help="it is written `net b = a with { hop.choose = top(1) }`",
    )


def brace_on_next_line(span: Span, word: str) -> Diagnostic:
    """The block of a form begins on the next line."""
    return Diagnostic("DNA118", "`{` stands on a line of its own", span, help=f"put it on the line of its `{word}`")


def missing_comma(span: Span, left: str, right: str) -> Diagnostic:
    """Two values side by side in ( ) or [ ]."""
    return Diagnostic(
        "DNA119", f"missing `,` between `{_short(left)}` and `{_short(right)}`", span, help="put `,` before this"
    )


def semicolon_for_comma(span: Span) -> Diagnostic:
    """`;` in ( ) or [ ]."""
    return Diagnostic("DNA119", "`;` cannot stand inside ( ) or [ ]", span, help="write `,`")


def values_without_list(span: Span, name: str) -> Diagnostic:
    """`a = f(1), g(2)` in { }."""
    return Diagnostic(
        "DNA120", f"several values of `{name}` stand in a list", span, help=f"write `{name} = [..., ...]`"
    )


def comma_for_semicolon(span: Span, *, is_alone: bool = False) -> Diagnostic:
    """`a = 1, b = 2` in { }, or as the one setting of a command line (`is_alone`)."""
    help_ = "give each its own `--set`" if is_alone else "write `;`, or a line break"
    return Diagnostic("DNA120", "`,` cannot separate settings or members", span, help=help_)


def missing_separator(span: Span) -> Diagnostic:
    """Two statements on one line."""
    return Diagnostic(
        "DNA120",
        "missing line break or `;`",
        span,
        label="this begins something else",
        help="put it on a line of its own",
    )


def chained_comparison(span: Span) -> Diagnostic:
    """`a < b < c`."""
    return Diagnostic("DNA121", "comparisons cannot be chained", span, help="write two `assert` lines")


def not_a_kind(span: Span, word: str, several: str = "") -> Diagnostic:
    """A value where a kind or a name belongs; `several`: how as many members of one kind begin."""
    help_ = f"it is written `{FORMS[word]}`" if word in FORMS else "write a call such as `mlp(gelu, 4x)`, or a name"
    help_ = f"several members of one kind are written `{several} = ...`" if several else help_
    return Diagnostic("DNA122", f"`{_short(span.text)}` is not a kind", span, help=help_)


def needs_source(span: Span, name: str) -> Diagnostic:
    """A bare name behind `init ... =`."""
    help_ = 'weights come from a run, `run("runs/first")`, or from a `checkpoint("model.gguf")`'
    return Diagnostic("DNA122", f"`{_short(name)}` is no place that weights can come from", span, help=help_)


def needs_parentheses(span: Span, name: str) -> Diagnostic:
    """A bare name where a call belongs."""
    return Diagnostic("DNA122", f"`{_short(name)}` needs its arguments", span, help=f"write `{_short(name)}(...)`")


def behind_call(span: Span, written: str) -> Diagnostic:
    """`f(x)(y)`, `f(x).y` or `f(x)[0]`."""
    return Diagnostic(
        "DNA123", f"`{written}` cannot follow a call", span, help="name the call first: `module a = ...`, then use `a`"
    )


def reserved_label(span: Span, word: str) -> Diagnostic:
    """A label that is a word of the grammar."""
    return Diagnostic(
        "DNA124",
        f"`{word}` is a word of the language",
        span,
        label="this cannot be a label",
        help="choose another label",
    )


def unexpected(span: Span, written: str, help_: str) -> Diagnostic:
    """Anything else that does not fit."""
    return Diagnostic("DNA125", f"unexpected {written}", span, label="this does not fit here", help=help_)


def unexpected_end(span: Span, help_: str) -> Diagnostic:
    """The statement stops too early."""
    return Diagnostic("DNA125", "this is not complete", span, label="something is missing here", help=help_)


def too_many(span: Span, limit: int) -> Diagnostic:
    """The parser gives up."""
    return Diagnostic(
        "DNA126", f"more than {limit} errors; the rest of the file was not read", span, help="mend these first"
    )


def _short(text: str) -> str:
    """User text for a message: one line, at most 40 characters, nothing that a terminal would obey."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= 40 else shown[:37] + "..."

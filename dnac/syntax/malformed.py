"""What a syntax error means: from the state of the parser to a diagnostic in the user's words.

`RULES` is tried from top to bottom; each rule recognises one mistake by the words around the fault
and by what the grammar could have taken there.
"""

from __future__ import annotations

from collections.abc import Callable

from dnac.syntax import errors
from dnac.syntax.numbers import near_suffix
from dnac.syntax.situation import Fault, Situation
from dnac.syntax.words import FORMS, ITEMS, KEYWORDS, NAMED, STATEMENTS, STEPS, SUFFIXES, UNITS
from dnac.text import elsewhere
from dnac.text.diagnostic import Diagnostic
from dnac.text.suggest import nearest

_VALUE_STARTS = frozenset(("NAME", "NUMBER", "STRING", "LSQB"))
_VALUE_ENDS = frozenset(("NAME", "NUMBER", "STRING", "RPAR", "RSQB"))
_STOPS = frozenset(("_SEP", "RBRACE", "RPAR", "RSQB", "$END"))
_OPERATORS = frozenset(("PLUS", "MINUS", "STAR", "SLASH", "AMPERSAND", "COMPARE"))


_WHERE = {
    "file": "at the top level of a file",
    "block": "in a block",
    "settings": "among settings",
    "pool": "in a pool",
}
_HOLDS = {
    "file": "a file holds `use`, `param`, `def`, `net` and `train`",
    "block": "a step is a call such as `mlp(gelu, 4x)`, the name of a module, or begins with a word such as `repeat`",
    "settings": "settings are written `name = value`",
    "pool": "a pool holds members: `name[8] = kind(...)`",
}
_REMOVE = "remove it, or look for what is missing before it"


def diagnose(s: Situation) -> Fault:
    """The first rule that knows the mistake."""
    for rule in RULES:
        fault = rule(s)
        if fault is not None:
            return fault if isinstance(fault, Fault) else Fault(fault)
    raise AssertionError("the last rule fits always")


# --- the start of a statement -----------------------------------------------------------------


def _in_file(s: Situation) -> Diagnostic | Fault | None:
    if s.where != "file" or not s.is_early(0) or s.first.type != "NAME":
        return None
    word, span = s.first.text, s.first.span
    second = s.word(s.start + 1).type
    if word in STATEMENTS:
        return errors.misplaced(span, word, _WHERE["file"], "put it into a `net name { ... }`")
    if word == "dna":
        return errors.misplaced(span, word, "here", "the line `dna 1` stands once, at the top")
    if second == "EQUAL":
        return errors.misplaced(span, f"{word} = ...", _WHERE["file"], f"write `param {word} = ...`")
    inner = None if nearest(word, ITEMS) else nearest(word, STATEMENTS)
    if inner:
        repair = f"did you mean `{inner}`? it stands inside a `net name {{ ... }}`"
        return errors.misplaced(span, word, _WHERE["file"], repair)
    return _unknown(s, ITEMS)


def _in_block(s: Situation) -> Diagnostic | Fault | None:
    if s.where != "block" or not s.is_early(1) or s.first.type != "NAME" or s.keyword in STATEMENTS:
        return None
    word, span = s.first.text, s.first.span
    if word in ITEMS:
        return errors.misplaced(span, word, _WHERE["block"], "put it at the top level of the file, outside of { }")
    if s.bad.type == "EQUAL":
        return errors.misplaced(span, f"{word} = ...", _WHERE["block"], _instead_of_setting(s))
    return _unknown(s, STATEMENTS) if s.bad.type in (*_VALUE_STARTS, "LBRACE") else None


def _instead_of_setting(s: Situation) -> str:
    """What `name = ...` in a block was meant to be, by what stands behind the `=`."""
    word, behind = s.first.text, s.word(s.at + 1)
    if behind.text in STEPS:
        return f"a step is labelled with a colon: `{word}: {behind.text} ...`"
    if word == behind.text in ("h", "x") and s.word(s.at + 2).type in ("PLUS", "LPAR"):
        return "a step adds to the stream by itself: write `attention(heads = 4)` alone"
    if behind.type == "NAME" and s.word(s.at + 2).type == "LPAR":
        return f"write `module {word} = ...` and use `{word}`, or label the step: `{word}: {behind.text}(...)`"
    return "settings stand in the { } of a router or of `train`"


def _behind_label(s: Situation) -> Diagnostic | None:
    """`hop: rout nodes ...`: a misspelt keyword behind a label."""
    word = s.word(s.start + 2)
    is_second = s.where == "block" and s.at == s.start + 3 and s.word(s.start + 1).type == "COLON"
    near = nearest(word.text, STATEMENTS) if is_second and word.type == "NAME" and not s.inside else None
    if near is None or s.bad.type not in (*_VALUE_STARTS, "LBRACE"):
        return None
    return errors.unknown_statement(word.span, word.text, near, _WHERE["block"], _HOLDS["block"])


def _member_outside(s: Situation) -> Diagnostic | None:
    if s.where == "block" and s.bad.type == "EQUAL" and s.before.type == "RSQB" and not s.inside and not s.keyword:
        return errors.misplaced(
            s.first.span,
            f"{s.first.text}[...] = ...",
            _WHERE["block"],
            f"write `pool name {{ {s.first.text}[...] = ... }}`",
        )
    return None


def _in_settings(s: Situation) -> Diagnostic | None:
    if s.where not in ("settings", "pool") or not s.is_early(1) or s.first.type != "NAME":
        return None
    if s.first.text in (*STATEMENTS, *ITEMS) and s.bad.type in (*_VALUE_STARTS, "LBRACE"):
        return errors.misplaced(s.first.span, s.first.text, _WHERE[s.where], _HOLDS[s.where])
    if s.bad.type == "LPAR":
        return errors.misplaced(
            s.first.span, f"{s.first.text}(...)", f"{_WHERE[s.where]} without a name", _HOLDS[s.where]
        )
    return None


def _label_is_keyword(s: Situation) -> Diagnostic | None:
    if s.bad.type == "COLON" and s.is_early(1) and s.first.text in KEYWORDS and s.where == "block":
        return errors.reserved_label(s.first.span, s.first.text)
    return None


def _unknown(s: Situation, candidates: tuple[str, ...]) -> Fault:
    word = s.first.text
    known = elsewhere.STATEMENTS.get(word, "")
    near = None if known else nearest(word, candidates)
    if near is None and not known and s.where == "block" and s.bad.type in _VALUE_STARTS:
        return Fault(errors.no_statement(s.first.span, word))  # `mlp gelu 4x`: a call, as far as one can tell
    found = errors.unknown_statement(s.first.span, word, near, _WHERE[s.where], known or _HOLDS[s.where])
    return Fault(found, keyword=near or "")


# --- something is missing ---------------------------------------------------------------------


def _missing_name(s: Situation) -> Diagnostic | None:
    if "NAME" in s.accepts and "NUMBER" not in s.accepts and s.before.text in NAMED and s.bad.type != "NAME":
        return errors.missing_name(s.place.span, s.before.text, FORMS.get(s.before.text, ""))
    if s.before.text == "by" and s.word(s.at - 2).type == "DOT":
        return errors.missing_name(s.before.span, ".", "")
    if s.keyword == "route" and (s.before.text == "route" or (s.before.text == "by" and "BY" in s.accepts)):
        return errors.missing_pool(s.before.span)
    if s.before.type == "DOT" and s.bad.type == "LSQB" and s.word(s.at - 2).type == "NAME":
        return errors.list_behind_dot(s.place.span, s.word(s.at - 2).text)
    if s.before.type == "DOT" and "NAME" in s.accepts:
        return errors.missing_name(s.place.span, ".", "")
    return None


def _missing_def_sort(s: Situation) -> Diagnostic | None:
    if s.before.text == "def" and "MODULE" in s.accepts:
        return errors.missing_def_sort(s.place.span)
    return None


def _missing_by(s: Situation) -> Diagnostic | None:
    if "BY" in s.accepts and s.keyword in ("route", "halt") and not s.inside:
        return errors.missing_by(s.place.span, s.keyword)
    return None


def _missing_block(s: Situation) -> Diagnostic | Fault | None:
    if s.inside:
        return None
    if "WITH" in s.accepts and s.keyword == "net":
        return errors.missing_with(s.place.span)
    if "LBRACE" in s.accepts and s.keyword in ("repeat", "parallel") and s.bad.type == "NAME":
        return Fault(errors.missing_block(s.bad.span, s.keyword), is_alone=True)
    if "LBRACE" not in s.accepts or s.bad.type not in _STOPS or not s.keyword:
        return None
    after = s.word(s.at + 1)
    if s.bad.type == "_SEP" and after.type == "LBRACE":
        return Fault(errors.brace_on_next_line(after.span, s.keyword), skip=True)
    return errors.missing_block(s.place.span, s.keyword)


def _missing_equals(s: Situation) -> Diagnostic | None:
    if s.keyword == "embed" and s.bad.type in _STOPS and s.before.type == "NAME":
        return errors.needs_parentheses(s.before.span, s.before.text)
    if "EQUAL" not in s.accepts or s.before.type not in ("NAME", "RSQB") or s.bad.type == "EQUAL":
        return None
    if s.bad.type == "COLON":
        return errors.colon_for_equals(s.bad.span, s.before.text)
    if s.bad.type in (*_VALUE_STARTS, "_SEP", "RBRACE", "$END") and not s.inside:
        name = s.words.source.text[_name_start(s) : s.before.span.end]
        return errors.missing_equals(s.place.span, name)
    return None


def _name_start(s: Situation) -> int:
    """Where the name before the fault begins, with what hangs on it (`hop[3].choose`)."""
    at = s.at - 1
    while at > s.start and s.words.lexemes[at - 1].span.end == s.words.lexemes[at].span.start:
        at -= 1
    return s.words.lexemes[at].span.start


def _missing_value(s: Situation) -> Diagnostic | None:
    if s.bad.type in _VALUE_STARTS and s.bad.type in s.accepts:
        return None
    before = s.before.type
    if before == "EQUAL" and s.bad.type in (*_STOPS, "COMMA", "SEMICOLON"):
        return errors.missing_value(s.place.span, f"{s.word(s.at - 2).text} =")
    if before in _OPERATORS and s.at > s.start:
        return errors.missing_value(s.place.span, s.before.text)
    if s.bad.type == "COMMA" and before in ("COMMA", "LPAR", "LSQB"):
        return errors.missing_value(s.place.span, s.before.text)
    if s.before.text == "assert" or (s.before.text in ("repeat", "by") and s.bad.type in (*_STOPS, "LBRACE")):
        return errors.missing_value(s.place.span, s.before.text)
    return None


def _not_a_kind(s: Situation) -> Diagnostic | None:
    if (
        "NAME" in s.accepts
        and "NUMBER" not in s.accepts
        and s.bad.type in ("NUMBER", "STRING", "LSQB", "MINUS", "LPAR")
    ):
        is_count = s.bad.type == "NUMBER" and s.word(s.at + 1).type == "STAR" and s.where == "pool"
        return errors.not_a_kind(s.bad.span, s.keyword, f"{s.first.text}[{s.bad.text}]" if is_count else "")
    if s.keyword == "init" and s.before.type == "NAME" and s.bad.type in _STOPS:
        return errors.needs_source(s.before.span, s.before.text)
    if "LPAR" in s.accepts and "_SEP" not in s.accepts and s.bad.type in _STOPS and s.is_call_wanted:
        return errors.needs_parentheses(s.before.span, s.before.text)
    return None


# --- two things side by side ------------------------------------------------------------------


def _semicolon(s: Situation) -> Diagnostic | None:
    return errors.semicolon_for_comma(s.bad.span) if s.bad.type == "SEMICOLON" else None


def _comma(s: Situation) -> Diagnostic | Fault | None:
    is_alone = s.rule == "setting"  # of the command line: nothing may follow it
    if s.bad.type != "COMMA" or s.inside or s.where not in ("settings", "pool"):
        return None
    if "_SEP" not in s.accepts and not (is_alone and s.before.type in _VALUE_ENDS):
        return None
    behind = s.word(s.at + 1).type, s.word(s.at + 2).type
    is_value = behind[0] in ("NUMBER", "STRING") or (behind[0] == "NAME" and behind[1] not in ("EQUAL", "DOT", "LSQB"))
    equal = next((at for at in range(s.start, s.at) if s.word(at).type == "EQUAL"), None)
    if s.where == "settings" and is_value and equal is not None:
        return errors.values_without_list(s.bad.span, s.first.span.to(s.word(equal - 1).span).text)
    if is_alone:
        return errors.comma_for_semicolon(s.bad.span, is_alone=True) if equal is not None else None
    return Fault(errors.comma_for_semicolon(s.bad.span), commas=True)


def _detached_suffix(s: Situation) -> Diagnostic | None:
    begins_more = s.word(s.at + 1).type in ("EQUAL", "LPAR", "LSQB", "DOT", "COLON")
    known = s.bad.text in (*SUFFIXES, *UNITS)
    # a single letter in the wrong case may well be a name
    suffix = s.bad.text if known else near_suffix(s.bad.text) if len(s.bad.text) > 1 else None
    if s.before.type == "NUMBER" and suffix and not begins_more:
        return errors.detached_suffix(s.before.span.to(s.bad.span), s.before.text + suffix)
    if s.before.type == s.bad.type == "NUMBER" and (not s.inside or len(s.bad.text) == 3):  # `1 000`
        return errors.malformed_number(s.before.span.to(s.bad.span), "write it without spaces")
    return None


def _missing_comma(s: Situation) -> Diagnostic | None:
    if s.inside and s.before.type in _VALUE_ENDS and s.bad.type in _VALUE_STARTS and "COMMA" in s.accepts:
        return errors.missing_comma(s.bad.span, s.before.text, s.bad.text)
    return None


def _behind_call(s: Situation) -> Diagnostic | None:
    if s.before.type == "RPAR" and s.bad.type in ("LPAR", "DOT", "LSQB") and s.bad.span.start == s.before.span.end:
        return errors.behind_call(s.bad.span, s.bad.text)
    return None


def _chained_comparison(s: Situation) -> Diagnostic | None:
    if s.bad.type == "COMPARE" and s.before.type in _VALUE_ENDS:
        return errors.chained_comparison(s.bad.span)
    return None


def _missing_separator(s: Situation) -> Diagnostic | None:
    ends = s.before.type in _VALUE_ENDS or s.before.type == "RBRACE"
    if not s.inside and "_SEP" in s.accepts and ends and s.bad.type in _VALUE_STARTS:
        return errors.missing_separator(s.bad.span)
    return None


# --- anything else ----------------------------------------------------------------------------


def _other(s: Situation) -> Diagnostic:
    form = FORMS.get(s.keyword, "")
    if s.keyword == "assert" and s.bad.type == "EQUAL":
        form = f"assert {s.before.text}` for a fact, or `assert params < 50M"
    help_ = f"it is written `{form}`" if form else _HOLDS[s.where] if not s.inside else _REMOVE
    if s.bad.type in ("_SEP", "$END") or not s.bad.real:
        return errors.unexpected_end(s.place.span, help_)
    return errors.unexpected(s.bad.span, f"`{s.bad.text}`", help_)


RULES: tuple[Callable[[Situation], Diagnostic | Fault | None], ...] = (
    _semicolon,
    _comma,
    _detached_suffix,
    _label_is_keyword,
    _in_file,
    _in_block,
    _behind_label,
    _member_outside,
    _in_settings,
    _missing_name,
    _missing_def_sort,
    _missing_by,
    _missing_block,
    _missing_equals,
    _missing_value,
    _not_a_kind,
    _missing_comma,
    _behind_call,
    _chained_comparison,
    _missing_separator,
    _other,
)

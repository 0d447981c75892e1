"""What a syntax error means: from the state of the parser to a diagnostic in the user's words.

`RULES` is tried from top to bottom; each rule recognises one mistake by the words around the fault
and by what the grammar could have taken there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from dnac.syntax import errors
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.words import FORMS, ITEMS, KEYWORDS, NAMED, STATEMENTS, SUFFIXES, UNITS
from dnac.text.diagnostic import Diagnostic
from dnac.text.suggest import nearest

_VALUE_STARTS = frozenset(("NAME", "NUMBER", "STRING", "LSQB"))
_VALUE_ENDS = frozenset(("NAME", "NUMBER", "STRING", "RPAR", "RSQB"))
_STOPS = frozenset(("_SEP", "RBRACE", "RPAR", "RSQB", "$END"))
_OPERATORS = frozenset(("PLUS", "MINUS", "STAR", "SLASH", "AMPERSAND", "COMPARE"))


@dataclass(frozen=True)
class Fault:
    """A diagnostic, and how the parser may go on."""

    diagnostic: Diagnostic
    keyword: str = ""
    """The keyword that the first word of the statement was meant to be."""
    skip: bool = False
    """Whether to go on as if the word at fault were not there."""


@dataclass(frozen=True)
class Situation:
    """Where the parser stopped: word `at` does not fit into the statement that begins at `start`."""

    words: Scan
    start: int
    at: int
    accepts: frozenset[str]
    """Terminals that the grammar could take."""
    rule: str = "file"
    """What is parsed: a file, or one setting."""

    def word(self, index: int) -> Lexeme:
        """The word at `index`; the end of the file beyond it."""
        return self.words.lexemes[max(0, min(index, len(self.words.lexemes) - 1))]

    @property
    def bad(self) -> Lexeme:
        """The word that does not fit."""
        return self.word(self.at)

    @property
    def before(self) -> Lexeme:
        """The word before it."""
        return self.word(self.at - 1)

    @property
    def first(self) -> Lexeme:
        """The first word of the statement."""
        return self.word(self.start)

    @property
    def place(self) -> Lexeme:
        """Where to point: the word that does not fit, or the one before if nothing more was written."""
        return self.before if self.bad.type in ("_SEP", "$END") or not self.bad.real else self.bad

    @property
    def keyword(self) -> str:
        """The keyword that begins the statement, behind its label."""
        text = self.word(self.start + 2 if self.word(self.start + 1).type == "COLON" else self.start).text
        return text if text in KEYWORDS else ""

    @cached_property
    def where(self) -> str:
        """What holds the statement: file, block, settings or pool."""
        if self.rule == "setting":
            return "settings"
        return _contents(self.words, self.words.brace_of(self.at))

    @cached_property
    def inside(self) -> str:
        """The ( or [ around the fault, or the empty text."""
        opener = self.words.opener_of(self.at)
        return self.words.lexemes[opener].text.strip("{") if opener >= 0 else ""

    def is_early(self, words: int) -> bool:
        """Whether the fault is at most `words` words behind the start of the statement."""
        return not self.inside and self.at - self.start <= words


def diagnose(s: Situation) -> Fault:
    """The first rule that knows the mistake."""
    for rule in RULES:
        fault = rule(s)
        if fault is not None:
            return fault if isinstance(fault, Fault) else Fault(fault)
    raise AssertionError("the last rule fits always")


def stand_in(s: Situation) -> tuple[tuple[str, str], ...]:
    """Words that open the block of a broken statement, so that what stands in it is still read."""
    after = s.word(s.start + 1).text
    word = f"{s.keyword} {after}" if s.keyword == "def" else s.keyword
    if word == "net" and s.word(s.start + 2).type == "EQUAL":
        word = "net ="
    return _STAND_INS.get((s.where, word), ())


_NAME = ("NAME", "_")
_STAND_INS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("file", "net"): (("NET", "net"), _NAME),
    ("file", "net ="): (("NET", "net"), _NAME, ("EQUAL", "="), _NAME, ("WITH", "with")),
    ("file", "train"): (("TRAIN", "train"), _NAME),
    ("file", "def module"): (("DEF", "def"), ("MODULE", "module"), _NAME, ("LPAR", "("), ("RPAR", ")")),
    ("file", "def router"): (("DEF", "def"), ("ROUTER", "router"), _NAME, ("LPAR", "("), ("RPAR", ")")),
    ("block", "router"): (("ROUTER", "router"), _NAME),
    ("block", "pool"): (("POOL", "pool"), _NAME),
    ("block", "repeat"): (("REPEAT", "repeat"), ("NUMBER", "1")),
    ("block", "parallel"): (("PARALLEL", "parallel"),),
    ("block", "route"): (("ROUTE", "route"), _NAME, ("BY", "by")),
    ("block", "halt"): (("HALT", "halt"), ("BY", "by")),
}

_WHERE = {
    "file": "at the top level of a file", "block": "in a block", "settings": "among settings", "pool": "in a pool",
}
_HOLDS = {
    "file": "a file holds `use`, `param`, `def`, `net` and `train`",
    "block": "a step is a call such as `mlp(gelu, 4x)`, the name of a module, or begins with a word such as `repeat`",
    "settings": "settings are written `name = value`",
    "pool": "a pool holds members: `name[8] = kind(...)`",
}


def _contents(words: Scan, brace: int) -> str:
    """What stands inside a brace, judged by the words before it."""
    if brace < 0:
        return "file"
    head = [word.text for word in words.lexemes[words.start_of(brace) : brace]]
    if head[1:2] == [":"]:
        head = head[2:]
    if head[:1] == ["net"] and head[2:3] == ["="]:
        return "settings"
    if head[-1:] in (["by"], ["with"]) or head[:1] in (["router"], ["train"]) or head[:2] == ["def", "router"]:
        return "settings"
    return "pool" if head[:1] == ["pool"] else "block"


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
        is_call = [w.type for w in s.words.lexemes[s.at + 1 : s.at + 3]] == ["NAME", "LPAR"]
        repair = f"write `module {word} = ...`" if is_call else "settings stand in the { } of a router or of `train`"
        return errors.misplaced(span, f"{word} = ...", _WHERE["block"], repair)
    return _unknown(s, STATEMENTS) if s.bad.type in (*_VALUE_STARTS, "LBRACE") else None


def _member_outside(s: Situation) -> Diagnostic | None:
    if s.where == "block" and s.bad.type == "EQUAL" and s.before.type == "RSQB" and not s.inside and not s.keyword:
        return errors.misplaced(s.first.span, f"{s.first.text}[...] = ...", _WHERE["block"], f"write `pool name {{ {s.first.text}[...] = ... }}`")
    return None


def _in_settings(s: Situation) -> Diagnostic | None:
    if s.where not in ("settings", "pool") or not s.is_early(1) or s.first.type != "NAME":
        return None
    if s.first.text in (*STATEMENTS, *ITEMS) and s.bad.type in (*_VALUE_STARTS, "LBRACE"):
        return errors.misplaced(s.first.span, s.first.text, _WHERE[s.where], _HOLDS[s.where])
    if s.bad.type == "LPAR":
        return errors.misplaced(s.first.span, f"{s.first.text}(...)", f"{_WHERE[s.where]} without a name", _HOLDS[s.where])
    return None


def _label_is_keyword(s: Situation) -> Diagnostic | None:
    if s.bad.type == "COLON" and s.is_early(1) and s.first.text in KEYWORDS and s.where == "block":
        return errors.reserved_name(s.first.span, s.first.text)
    return None


def _unknown(s: Situation, candidates: tuple[str, ...]) -> Fault:
    word = s.first.text
    near = nearest(word, candidates)
    found = errors.unknown_statement(s.first.span, word, near, _WHERE[s.where], _HOLDS[s.where])
    return Fault(found, keyword=near or "")


# --- something is missing ---------------------------------------------------------------------


def _missing_name(s: Situation) -> Diagnostic | None:
    if "NAME" in s.accepts and "NUMBER" not in s.accepts and s.before.text in NAMED and s.bad.type != "NAME":
        return errors.missing_name(s.place.span, s.before.text, FORMS.get(s.before.text, ""))
    if s.keyword == "route" and (s.before.text == "route" or (s.before.text == "by" and "BY" in s.accepts)):
        return errors.missing_pool(s.before.span)
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
    if "NAME" in s.accepts and "NUMBER" not in s.accepts and s.bad.type in ("NUMBER", "STRING", "LSQB", "MINUS", "LPAR"):
        return errors.not_a_kind(s.bad.span, s.keyword)
    if "LPAR" in s.accepts and "_SEP" not in s.accepts and s.bad.type in _STOPS and s.before.type == "NAME" and not s.inside:
        return errors.needs_parentheses(s.before.span, s.before.text)
    return None


# --- two things side by side ------------------------------------------------------------------


def _semicolon(s: Situation) -> Diagnostic | None:
    return errors.semicolon_for_comma(s.bad.span) if s.bad.type == "SEMICOLON" else None


def _detached_suffix(s: Situation) -> Diagnostic | None:
    if s.before.type == "NUMBER" and s.bad.text in (*SUFFIXES, *UNITS):
        return errors.detached_suffix(s.before.span.to(s.bad.span), s.before.text + s.bad.text)
    if s.before.type == s.bad.type == "NUMBER":
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
    help_ = f"it is written `{form}`" if form else _HOLDS[s.where] if not s.inside else ""
    if s.bad.type in ("_SEP", "$END") or not s.bad.real:
        return errors.unexpected_end(s.place.span, help_)
    return errors.unexpected(s.bad.span, f"`{s.bad.text}`", help_)


RULES: tuple[Callable[[Situation], Diagnostic | Fault | None], ...] = (
    _semicolon, _detached_suffix, _label_is_keyword, _in_file, _in_block, _member_outside, _in_settings,
    _missing_name, _missing_def_sort, _missing_by, _missing_block, _missing_equals, _missing_value, _not_a_kind,
    _missing_comma, _behind_call, _chained_comparison, _missing_separator, _other,
)

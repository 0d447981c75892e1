"""Where a parser stopped: the words around a fault, and what the grammar could have taken there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.words import KEYWORDS
from dnac.text.diagnostic import Diagnostic


@dataclass(frozen=True)
class Fault:
    """A diagnostic, and how the parser may go on."""

    diagnostic: Diagnostic
    keyword: str = ""
    """The keyword that the first word of the statement was meant to be."""
    skip: bool = False
    """Whether to go on as if the word at fault were not there."""
    commas: bool = False
    """Whether the word at fault is a comma that was meant to separate, like all others between these braces."""
    is_alone: bool = False
    """Whether a block behind the fault is not that of this statement."""


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
        return contents(self.words, self.words.brace_of(self.at))

    @cached_property
    def inside(self) -> str:
        """The ( or [ around the fault, or the empty text."""
        opener = self.words.opener_of(self.at)
        return self.words.lexemes[opener].text.strip("{") if opener >= 0 else ""

    @property
    def is_call_wanted(self) -> bool:
        """Whether the word before stands where a call must stand."""
        return self.before.type == "NAME" and not self.inside and self.keyword != "def"

    def is_early(self, words: int) -> bool:
        """Whether the fault is at most `words` words behind the start of the statement."""
        return not self.inside and self.at - self.start <= words


def contents(words: Scan, brace: int) -> str:
    """What stands inside a brace, judged by the words before it."""
    if brace < 0:
        return "file"
    head = [word.text for word in words.lexemes[words.start_of(brace) : brace]]
    if head[1:2] == [":"]:
        head = head[2:]
    if head[:1] == ["net"] and head[2:3] == ["="]:
        return "settings"
    if (
        head[-1:] in (["by"], ["with"])
        or head[:1] in (["router"], ["train"], ["route"], ["halt"])
        or head[:2] == ["def", "router"]
    ):
        return "settings"
    return "pool" if head[:1] == ["pool"] else "block"


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

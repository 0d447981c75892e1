"""Text to words. Every character is accounted for: a word, a comment, a space or a diagnostic.

The words that come out are well formed: a bad number stands as `0`, a stray character is left out,
so that the parser sees few faults besides its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dnac.syntax import brackets, errors, numbers
from dnac.syntax.ast import Comment
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.text import errors as text_errors
from dnac.text.diagnostic import Bag, Diagnostic
from dnac.text.limits import LONGEST_NAME, MOST_ERRORS, MOST_WORDS
from dnac.text.source import Source, Span

_WORD = re.compile(
    r"""[ \t\r\f\v]*(?:
      (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<NUMBER>\.?\d(?:(?<=\d)[eE][+-](?=\d)|[A-Za-z0-9_.%])*)
    | (?P<_SEP>[\n;])
    | (?P<comment>\#[^\n]*)
    | (?P<slashes>//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)
    | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<open_string>"[^\n]*)
    | (?P<quoted>'[^'\n]*'|[\u201c-\u201f][^\u201c-\u201f"\n]*[\u201c-\u201f"])
    | (?P<COMPARE><=|>=|==|<|>)
    | (?P<wrong>!=|->|=>|\*\*|&&|\|\||:=|\+=|-=)
    | (?P<symbol>[=(){}\[\],:.+\-*/&])
    | (?P<stray>[^\s\w"\#;=(){}\[\],:.+\-*/&<>]+)
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_CHUNK = 512
"""Words that are scanned at a time."""
_SYMBOLS = {
    "=": "EQUAL",
    "(": "LPAR",
    ")": "RPAR",
    "{": "LBRACE",
    "}": "RBRACE",
    "[": "LSQB",
    "]": "RSQB",
    ",": "COMMA",
    ":": "COLON",
    ".": "DOT",
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "/": "SLASH",
    "&": "AMPERSAND",
}
_HIDDEN = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ESCAPE = re.compile(r'\\(?:\\|"|n|t)|(\\.)')


def scan(source: Source, bag: Bag) -> Scan | None:
    """The words of a source, brackets matched. None if it nests too deeply, is too long or too damaged to go on."""
    raw = _Scanner(source, bag)
    try:
        raw.report_hidden()
        lexemes = brackets.nest(raw.lexemes, raw.more, raw.damaged, bag)
    except _GivenUp:
        return None
    if lexemes is None:
        return None
    last = next((w.span.end for w in reversed(lexemes) if w.type != "_SEP"), 0)
    lexemes.append(Lexeme("$END", "", Span(source, last, last)))
    return Scan(source, lexemes, tuple(raw.comments), raw.damaged)


class _GivenUp(Exception):
    """Too many words or too many faults: the rest of the text is not read."""


class _Scanner:
    """One pass over a text, one method for each sort of match that is not simply a word."""

    def __init__(self, source: Source, bag: Bag) -> None:
        self.source, self.bag = source, bag
        self.lexemes: list[Lexeme] = []
        self.comments: list[Comment] = []
        self.damaged: list[int] = []
        self.matches = _WORD.finditer(source.text)
        self.special: dict[str, Callable[[str, Span], None]] = {
            "comment": self.comment,
            "slashes": self.slashes,
            "open_string": self.open_string,
            "quoted": self.quoted,
            "wrong": self.stray,
            "stray": self.stray,
        }

    def more(self) -> bool:
        """Scan some more words; False at the end of the text."""
        before = len(self.lexemes)
        for match in self.matches:
            kind = match.lastgroup or "end"
            if kind == "end":
                break
            self.take(kind, match[kind], Span(self.source, match.start(kind), match.end(kind)))
            if len(self.lexemes) > MOST_WORDS:
                self.bag.add(text_errors.too_much(self.lexemes[-1].span, "words", MOST_WORDS))
                raise _GivenUp
            if len(self.lexemes) - before >= _CHUNK:
                return True
        return len(self.lexemes) > before

    def take(self, kind: str, text: str, span: Span) -> None:
        """One match: a word, or something special."""
        if kind == "symbol":
            self.lexemes.append(Lexeme(_SYMBOLS[text], text, span))
        elif kind in self.special:
            self.special[kind](text, span)
        else:
            self.lexemes.append(Lexeme(kind, self.checked(kind, text, span), span))

    def checked(self, kind: str, text: str, span: Span) -> str:
        """The text of a word, or a harmless one in its place after a diagnostic."""
        fault, harmless = None, text
        if kind == "NUMBER":
            fault, harmless = numbers.fault(text, span), "0"
        elif kind == "STRING" and (bad := next((m for m in _ESCAPE.finditer(text) if m[1]), None)):
            fault, harmless = errors.unknown_escape(self.part(span, bad), bad[1]), '""'
        elif kind == "NAME" and len(text) > LONGEST_NAME:
            fault, harmless = errors.too_long("name", span, LONGEST_NAME), text[:LONGEST_NAME]
        if fault is None:
            return text
        self.fault(fault, span)
        return harmless

    def comment(self, text: str, span: Span) -> None:
        shown = text.rstrip()
        self.comments.append(Comment(shown, span=Span(span.source, span.start, span.start + len(shown))))

    def slashes(self, text: str, span: Span) -> None:
        self.fault(errors.foreign_comment(Span(span.source, span.start, span.start + 2), text[:2]), span)

    def open_string(self, text: str, span: Span) -> None:
        start = Span(span.source, span.start, span.start + 1)
        self.fault(errors.unterminated_string(start), span)
        self.lexemes.append(Lexeme("STRING", '""', span))

    def quoted(self, text: str, span: Span) -> None:
        self.fault(errors.wrong_quotes(span, text[1:-1]), span)
        self.lexemes.append(Lexeme("STRING", '""', span))

    def stray(self, text: str, span: Span) -> None:
        before = self.lexemes[-1] if self.lexemes else None
        if text == "%" and before is not None and before.type == "NUMBER":
            self.fault(errors.detached_suffix(before.span.to(span), before.text + "%"), span)
        elif _HIDDEN.fullmatch(text) is None:
            self.fault(errors.stray_character(span, text), span)

    def report_hidden(self) -> None:
        """Hidden characters anywhere, in comments and texts too: they can make a line look like another."""
        for match in _HIDDEN.finditer(self.source.text):
            span = Span(self.source, match.start(), match.end())
            self.fault(text_errors.hidden_character(span, _character_name(match[0])), span)

    def fault(self, diagnostic: Diagnostic, span: Span) -> None:
        """Report, and remember the place: the parser says nothing more about that statement."""
        self.bag.add(diagnostic)
        self.damaged.append(span.start)
        if len(self.damaged) >= MOST_ERRORS:
            self.bag.add(errors.too_many(span, MOST_ERRORS))
            raise _GivenUp

    @staticmethod
    def part(span: Span, match: re.Match[str]) -> Span:
        return Span(span.source, span.start + match.start(1), span.start + match.end(1))


def _character_name(character: str) -> str:
    import unicodedata  # only for a message: keep start-up short

    return f"U+{ord(character):04X} ({unicodedata.name(character, 'no name').lower()})"

"""Source to tree: the only importer of lark.

The words come from `scanner`, the tables from `dna.lark`. At a fault the parser asks `malformed` for
the diagnostic, steps back to the start of the statement, steps over it, and goes on: one run reports
several faults, and none of them twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import lark
from lark import Lark, Token
from lark.exceptions import UnexpectedToken
from lark.parsers.lalr_analysis import Shift

from dnac.syntax import ast, errors, malformed
from dnac.syntax.builder import RULES
from dnac.syntax.cache import private_file
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.scanner import scan
from dnac.syntax.words import KEYWORDS, NAMED
from dnac.text.diagnostic import Bag, Faults
from dnac.text.source import Source, Span

MOST_ERRORS = 20
"""Diagnostics after which the parser gives up."""


def parse(source: Source, bag: Bag) -> ast.File | None:
    """The tree of a file; syntax errors go into `bag`.

    With errors, the tree is for tools that show a broken file (broken statements are left out, and a
    block whose first line is broken may stand under a made-up name); it is None if nothing was usable.
    """
    words = scan(source, bag)
    if words is None:
        return None
    parser = _Parser(words, bag, "file")
    at = parser.header()
    file = cast("ast.File | None", parser.run(at))
    return None if file is None else ast.File(file.version, file.items, words.comments, span=file.span)


def parse_setting(text: str, name: str = "--set") -> ast.Setting:
    """One `target = value`, as given on the command line.

    Raises:
        Faults: the text is not one setting.
    """
    bag = Bag()
    words = scan(Source(name, text), bag)
    setting = _Parser(words, bag, "setting").run(0) if words is not None and not bag.has_errors else None
    if bag.has_errors or setting is None:
        raise Faults(bag)
    return cast(ast.Setting, setting)


class _Parser:
    """Feeds words to the LALR machine, and mends its stack after a fault."""

    def __init__(self, words: Scan, bag: Bag, start: str) -> None:
        self.words, self.bag, self.start = words, bag, start
        self.machine = _tables().parse_interactive(start=start)
        self.mended: set[int] = set()
        """Words that were replaced already; a second replacement would not help."""

    def run(self, at: int) -> ast.Node | None:
        """The tree, or None if the parser gave up."""
        errors_before = len(self.bag.items)
        while at < len(self.words.lexemes):
            try:
                result = self.feed(at)
            except UnexpectedToken:
                at = self.recover(at)
                if at < 0:
                    return None
                if len(self.bag.items) - errors_before >= MOST_ERRORS:
                    self.bag.add(errors.too_many(self.words.lexemes[at].span, MOST_ERRORS))
                    return None
                continue
            if self.words.lexemes[at].type == "$END":
                return result
            at += 1
        return None

    def header(self) -> int:
        """Feed the first line, or one in its place after a diagnostic; the index of the word behind it."""
        lexemes = self.words.lexemes
        at = 1 if lexemes[0].type == "_SEP" else 0
        first = lexemes[at]
        follower = lexemes[at + 1] if first.text == "dna" else first
        self.push("DNA", "dna", first.span)
        self.push("NUMBER", "1", first.span)
        if follower.type == "NUMBER" and first.text == "dna":
            if follower.text != "1":
                self.bag.add(errors.unknown_version(follower.span, follower.text))
            at += 2
            if lexemes[at].type not in ("_SEP", "$END"):
                self.bag.add(errors.missing_separator(lexemes[at].span))
        else:
            self.bag.add(errors.missing_header(_first_word(self.words, at)))
            if first.text.lower().startswith("dna"):
                at = self.words.end_of(at, -1)
        self.push("_SEP", "\n", first.span)
        return at + 1 if lexemes[at].type == "_SEP" else at

    def feed(self, at: int) -> ast.Node | None:
        """Give one word to the machine: a keyword where it can take one, else a name."""
        word = self.words.lexemes[at]
        if word.type == "NAME" and word.text in KEYWORDS:
            if word.text.upper() in self.machine.choices():
                return self.push(word.text.upper(), word.text, word.span)
            self.check_name(at)
        return self.machine.feed_token(cast(Token, word))

    def push(self, sort: str, text: str, span: Span) -> ast.Node | None:
        # lark looks only at the `type` of what it is fed
        return self.machine.feed_token(cast(Token, Lexeme(sort, text, span)))

    def check_name(self, at: int) -> None:
        """A keyword where a name is declared."""
        word, before = self.words.lexemes[at], self.words.lexemes[at - 1]
        if at > 0 and before.text in NAMED and "NAME" in self.machine.choices():
            self.bag.add(errors.reserved_name(word.span, word.text))

    # --- after a fault ----------------------------------------------------------------------------

    def recover(self, at: int) -> int:
        """Report the fault at word `at`, mend the stack, and return the word to go on with (-1: none)."""
        words = self.words
        start = words.start_of(at)
        accepts = frozenset(self.machine.accepts())
        situation = malformed.Situation(words, start, at, accepts, self.start)
        fault = malformed.diagnose(situation)
        if not words.is_damaged(start, at + 1):
            self.bag.add(fault.diagnostic)
        if self.start != "file":
            return -1
        if fault.skip:
            return at + 1
        brace = words.brace_of(at)
        self.unwind(brace)
        end = words.end_of(at, brace)
        if fault.keyword and start not in self.mended:
            self.mended.add(start)
            words.lexemes[start].text = fault.keyword
            return start if self.can_begin(fault.keyword.upper(), start) else self.behind(end)
        return self.enter_block(situation, end)

    def unwind(self, brace: int) -> None:
        """Drop the broken statement from the stack, down to the statements before it inside `brace`.

        Between statements, and only there, the machine can shift a separator.
        """
        state = self.machine.parser_state
        opener = self.words.lexemes[brace] if brace >= 0 else None
        while self.machine.choices().get("_SEP", (None,))[0] is not Shift or _innermost(state.value_stack) is not opener:
            state.state_stack.pop()
            state.value_stack.pop()

    def enter_block(self, situation: malformed.Situation, end: int) -> int:
        """Go on inside the block of a broken statement, if it has one, else behind the statement."""
        lexemes, start = self.words.lexemes, situation.start
        block = next((i for i in range(situation.at, end) if lexemes[i].type == "LBRACE"), -1)
        stand_in = malformed.stand_in(situation)
        if block < 0 or not stand_in:
            return end
        if not self.can_begin(stand_in[0][0], start):
            return self.behind(end)
        for sort, text in stand_in:
            self.push(sort, text, lexemes[start].span)
        return block

    def can_begin(self, keyword: str, start: int) -> bool:
        """Put back the separator that `unwind` took away; whether the machine then takes a keyword."""
        if keyword not in self.machine.choices():
            self.push("_SEP", "\n", self.words.lexemes[start].span)
        return keyword in self.machine.choices()

    def behind(self, end: int) -> int:
        """The word behind a statement whose separator the machine has already."""
        return end + 1 if self.words.lexemes[end].type == "_SEP" else end


def _innermost(values: Sequence[object]) -> Lexeme | None:
    """The last opening brace on the stack."""
    return next((v for v in reversed(values) if isinstance(v, Lexeme) and v.type == "LBRACE"), None)


def _first_word(words: Scan, at: int) -> Span:
    word = words.lexemes[at].span
    return word if word.text else Span(words.source, 0, 0)


@cache
def _tables() -> Lark:
    """The parse tables, from the user's private cache if they are there."""
    grammar = Path(__file__).with_name("dna.lark").read_text(encoding="utf-8")
    key = sha256(f"{lark.__version__} {grammar}".encode()).hexdigest()[:16]
    kept = private_file(f"grammar-{key}.pickle")
    return Lark(
        grammar, parser="lalr", lexer="basic", start=["file", "setting"], keep_all_tokens=True,
        maybe_placeholders=False, transformer=SimpleNamespace(**RULES), cache=str(kept) if kept else False,
    )

"""Source to tree.

The words come from `scanner`, the tables from `dna.lark`. At a fault the parser asks `malformed` for
the diagnostic, steps back to the start of the statement, steps over it, and goes on: one run reports
several faults, and none of them twice.
"""

from __future__ import annotations

from typing import cast

from dnac.syntax import ast, errors
from dnac.syntax.lexemes import Lexeme, Scan
from dnac.syntax.machine import Machine, Refused
from dnac.syntax.malformed import diagnose
from dnac.syntax.scanner import scan
from dnac.syntax.situation import Situation, stand_in
from dnac.syntax.words import KEYWORDS
from dnac.text import errors as text_errors
from dnac.text.diagnostic import Bag, Faults
from dnac.text.limits import MOST_ERRORS, MOST_ITEMS
from dnac.text.source import Source, Span


def parse(source: Source, bag: Bag) -> ast.File | None:
    """The tree of a file; syntax errors go into `bag`.

    With errors, the tree is for tools that show a broken file: broken statements are left out, and a
    block whose first line is broken may stand under the made-up name `_`. To check such a tree would
    only repeat the errors in other words. None if nothing was usable.
    """
    words = scan(source, bag)
    if words is None:
        return None
    parser = _Parser(words, bag, "file")
    file = cast("ast.File | None", parser.run(parser.header()))
    if file is not None and len(file.items) > MOST_ITEMS:
        bag.add(text_errors.too_much(file.items[MOST_ITEMS].span, "items", MOST_ITEMS))
        return None
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
    """Feeds words to the machine, and mends its stack after a fault."""

    def __init__(self, words: Scan, bag: Bag, start: str) -> None:
        self.words, self.bag, self.start = words, bag, start
        self.machine = Machine(start)
        self.mended: set[int] = set()
        """Words that were replaced already; a second replacement would not help."""

    def run(self, at: int) -> ast.Node | None:
        """The tree, or None if the parser gave up."""
        errors_before = len(self.bag.items)
        while at >= 0:
            if len(self.bag.items) - errors_before >= MOST_ERRORS:
                self.bag.add(errors.too_many(self.words.lexemes[at].span, MOST_ERRORS))
                return None
            try:
                tree = self.feed(at)
            except Refused:
                at = self.recover(at)
                continue
            if self.words.lexemes[at].type == "$END":
                return tree
            at += 1
        return None

    def header(self) -> int:
        """Feed the first line, or one in its place after a diagnostic; the index of the word behind it."""
        lexemes = self.words.lexemes
        at = 1 if lexemes[0].type == "_SEP" else 0
        first = lexemes[at]
        follower = lexemes[at + 1] if first.text == "dna" else first
        self.push("DNA", "dna", first.span)
        if first.text == "dna" and follower.type == "NUMBER":
            self.push("NUMBER", "1", follower.span)
            at += 2
            self.check_header(follower, lexemes[at])
        else:
            self.push("NUMBER", "1", first.span)
            self.bag.add(errors.missing_header(first.span if first.text else Span(self.words.source, 0, 0)))
            if first.text.lower().startswith("dna"):
                at = self.words.end_of(at, -1)
        self.push("_SEP", "\n", first.span)
        return self.behind(at)

    def check_header(self, version: Lexeme, after: Lexeme) -> None:
        """Only version 1, and nothing else on its line."""
        if version.text != "1":
            self.bag.add(errors.unknown_version(version.span, version.text))
        if after.type not in ("_SEP", "$END"):
            self.bag.add(errors.missing_separator(after.span))

    def feed(self, at: int) -> ast.Node | None:
        """Give one word to the machine: a keyword where it can take one, else a name."""
        word = self.words.lexemes[at]
        if word.type == "NAME" and word.text in KEYWORDS and self.machine.may_take(word.text.upper()):
            return self.push(word.text.upper(), word.text, word.span)
        return self.machine.feed(word)

    def push(self, sort: str, text: str, span: Span) -> ast.Node | None:
        """Feed a word that is not in the list of words as it stands."""
        return self.machine.feed(Lexeme(sort, text, span))

    # --- after a fault ----------------------------------------------------------------------------

    def recover(self, at: int) -> int:
        """Report the fault at word `at`, mend the stack, and return the word to go on with (-1: none)."""
        words = self.words
        start, brace = words.start_of(at), words.brace_of(at)
        situation = Situation(words, start, at, self.machine.accepts(), self.start)
        fault = diagnose(situation)
        if not words.is_damaged(start, at + 1):
            self.bag.add(fault.diagnostic)
        if self.start != "file":
            return -1
        if fault.skip:
            return at + 1
        if fault.commas:
            for word in words.lexemes[at:]:
                if word.type == "COMMA" and word.parent == words.lexemes[at].parent:
                    word.type = "_SEP"
            return at
        self.machine.unwind(words.lexemes[brace] if brace >= 0 else None)
        end = words.end_of(at, brace)
        if fault.keyword and start not in self.mended:
            self.mended.add(start)
            words.lexemes[start].text = fault.keyword
            return start if self.can_begin(fault.keyword.upper(), start) else self.behind(end)
        return end if fault.is_alone else self.enter_block(situation, end)

    def enter_block(self, situation: Situation, end: int) -> int:
        """Go on inside the block of a broken statement, if it has one, else behind the statement."""
        lexemes, start = self.words.lexemes, situation.start
        block = next((i for i in range(situation.at, end) if lexemes[i].type == "LBRACE"), -1)
        opening = stand_in(situation)
        if block < 0 or not opening:
            return end
        if not self.can_begin(opening[0][0], start):
            return self.behind(end)
        for sort, text in opening:
            self.push(sort, text, lexemes[start].span)
        return block

    def can_begin(self, keyword: str, start: int) -> bool:
        """Put back the separator that unwinding took away; whether the machine then takes a keyword."""
        if not self.machine.may_take(keyword):
            self.push("_SEP", "\n", self.words.lexemes[start].span)
        return self.machine.may_take(keyword)

    def behind(self, at: int) -> int:
        """The word behind a separator that the machine has already; `at` itself if it is none."""
        return at + 1 if self.words.lexemes[at].type == "_SEP" else at

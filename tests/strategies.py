"""Generators of random test material. Seeded: the same seed gives the same text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

KINDS = ("attention", "mlp", "transformer", "identity", "chain", "top", "x1", "_y", "by", "module", "net", "k", "x")
NUMBERS = ("0", "12", "2.5", "1e-4", "1E+3", "64k", "2Ki", "30%", "12.5%", "4x", "1.5M", "0.25", "21B", "3Gi")
TEXTS = ('""', '"a b"', '"std/x.dna"', r'"q\"uo\\te"', '"# no comment; }"', '"ü→"')
COMMENTS = ("# one", "#two", "#  three { ( [ ;", "# ü", "#")


class Spec:
    """Writes one random file that is valid in form, with a random layout."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.room = self.random.choice((8, 25, 80))
        """How many more nodes may be made; then everything becomes a leaf."""

    def file(self) -> str:
        """The whole text."""
        head = self.maybe(0.3, lambda: self.comment_line()) + "dna 1" + self.maybe(0.3, lambda: "  # first")
        return head + "\n" + self.separated([self.item() for _ in range(self.random.randint(0, 5))], True) + "\n"

    # --- layout -----------------------------------------------------------------------------------

    def pick(self, *choices: Callable[[], str]) -> str:
        self.room -= 1
        return (self.random.choice(choices) if self.room > 0 else choices[0])()

    def maybe(self, chance: float, make: Callable[[], str]) -> str:
        return make() if self.random.random() < chance else ""

    def comment_line(self) -> str:
        return self.random.choice(COMMENTS) + "\n"

    def space(self) -> str:
        return self.random.choice((" ", " ", "  ", "\t"))

    def free(self) -> str:
        """What may stand between words inside ( ) and [ ]."""
        choice = self.random.random()
        if choice > 0.08:
            return self.random.choice(("", " ", " "))
        return "\n   " if choice > 0.03 else " " + self.random.choice(COMMENTS) + "\n"

    def separator(self) -> str:
        choice = self.random.random()
        if choice < 0.35:
            return self.random.choice((";", " ; ", ";; "))
        trail = self.maybe(0.2, lambda: "  " + self.random.choice(COMMENTS))
        return trail + "\n" * self.random.choice((1, 1, 1, 2, 4)) + self.maybe(0.2, self.comment_line) + "  "

    def separated(self, entries: list[str], is_file: bool = False) -> str:
        text = "".join(entry + self.separator() for entry in entries)
        return text if is_file or self.random.random() < 0.5 else text.rstrip("; ")

    def body(self, make: Callable[[], str]) -> str:
        entries = [make() for _ in range(self.random.randint(0, 4 if self.room > 0 else 1))]
        if self.random.random() < 0.4:
            return "{ " + "; ".join(entries) + " }"
        return "{" + self.separator() + self.separated(entries) + self.maybe(0.7, lambda: "\n") + "}"

    def listed(self, make: Callable[[], str], least: int = 0) -> str:
        items = [make() for _ in range(self.random.randint(least, 3))]
        comma = self.maybe(0.1, lambda: ",") if items else ""
        return self.free() + ("," + self.free()).join(items) + comma + self.free()

    # --- words and expressions --------------------------------------------------------------------

    def name(self) -> str:
        return self.random.choice(("a", "b2", "width", "nodes", "_z", "hop", "lm"))

    def ref(self) -> str:
        tails = (
            lambda: "." + self.random.choice(KINDS),
            lambda: f"[{self.expression()}]",
            lambda: f"[{self.free()}0 : 4]",
        )
        return self.name() + "".join(self.pick(lambda: "", *tails) for _ in range(self.random.randint(0, 2)))

    def call(self) -> str:
        # a step may begin with a call, so its first word is no keyword
        return f"{self.random.choice(KINDS[:8])}({self.listed(self.argument)})"

    def kind(self) -> str:
        return self.pick(self.ref, self.call, self.call)

    def argument(self) -> str:
        return self.maybe(0.5, lambda: self.random.choice(KINDS) + " = ") + self.expression()

    def expression(self) -> str:
        return self.pick(
            lambda: self.random.choice(NUMBERS),
            self.ref,
            self.call,
            lambda: self.random.choice(TEXTS),
            lambda: f"[{self.listed(self.expression)}]",
            lambda: f"-{self.atom()}",
            lambda: f"{self.atom()}{self.random.choice((' ', ''))}{self.random.choice('+-*/&')} {self.atom()}",
            lambda: (
                f"{self.atom()} {self.random.choice('+-*/')} {self.atom()} {self.random.choice('+-*/')} {self.atom()}"
            ),
        )

    def atom(self) -> str:
        return self.pick(
            lambda: self.random.choice(NUMBERS),
            self.ref,
            self.call,
            lambda: f"({self.free()}{self.expression()})",
            lambda: f"-{self.name()}",
        )

    # --- statements and items ---------------------------------------------------------------------

    def setting(self) -> str:
        return f"{self.ref()}{self.random.choice((' = ', '=', '  =  '))}{self.expression()}"

    def settings(self) -> str:
        return self.body(self.setting)

    def member(self) -> str:
        return f"{self.name()}{self.maybe(0.5, lambda: f'[{self.expression()}]')} = {self.kind()}"

    def block(self) -> str:
        return self.body(self.statement)

    def by(self) -> str:
        return self.pick(self.ref, self.call, self.settings, self.settings)

    def parens(self) -> str:
        return self.maybe(0.4, lambda: f"({self.listed(self.argument)})")

    def statement(self) -> str:
        label = self.maybe(0.3, lambda: f"{self.name()}:{self.space()}")
        return self.pick(
            lambda: label + self.kind(),
            lambda: label + self.kind(),
            lambda: f"input {self.call()}",
            lambda: f"embed {self.maybe(0.3, lambda: f'{self.name()} = ')}{self.call()}",
            lambda: f"head {self.name()} = {self.call()}",
            lambda: f"budget {self.name()}={self.call()}",
            lambda: f"module {self.name()} = {self.kind()}",
            lambda: f"router {self.name()} = {self.kind()}",
            lambda: f"router {self.name()} {self.settings()}",
            lambda: f"pool {self.name()}{self.parens()}{self.space()}{self.body(self.member)}",
            lambda: f"stream {self.name()}",
            lambda: f"init {self.ref()} = {self.call()}",
            lambda: f"assert {self.atom()} {self.random.choice(('<', '<=', '==', '>=', '>'))} {self.atom()}",
            lambda: f"{label}repeat {self.atom()}{self.maybe(0.5, lambda: f' as {self.name()}')} {self.block()}",
            lambda: f"{label}parallel{self.parens()}{self.block()}",
            lambda: f"{label}route {self.pick(self.ref, lambda: f'[{self.listed(self.kind, 1)}]')} by {self.by()}",
            lambda: f"halt by {self.by()}",
            lambda: f"tap {self.ref()}{self.parens()}",
        )

    def formal(self) -> str:
        return self.name() + self.maybe(0.5, lambda: f" = {self.expression()}")

    def item(self) -> str:
        return self.pick(
            lambda: f"net {self.name()}{self.space()}{self.block()}",
            lambda: f"net {self.name()} {self.block()}",
            lambda: f'use "std/routers.dna"{self.maybe(0.5, lambda: " as r")}',
            lambda: f"param {self.name()} = {self.expression()}",
            lambda: f"def module {self.name()}({self.listed(self.formal)}) {self.block()}",
            lambda: f"def router {self.name()}({self.listed(self.formal)}) {self.settings()}",
            lambda: f"net {self.name()} = {self.ref()} with {self.settings()}",
            lambda: f"train {self.name()} {self.settings()}",
        )


def spec_text(seed: int) -> str:
    """A file that is valid in form; its names need not resolve."""
    return Spec(seed).file()


def mutated(text: str, seed: int) -> str:
    """The text with one to four random injuries: cut, doubled, swapped, or with foreign characters put in."""
    random = Random(seed)
    for _ in range(random.randint(1, 4)):
        at, length = random.randint(0, len(text)), random.choice((1, 1, 2, 5, 20))
        piece = text[at : at + length]
        foreign = random.choice(
            (
                "{",
                "}",
                "(",
                ")",
                "[",
                "]",
                ";",
                "\n",
                "=",
                ",",
                '"',
                "#",
                ".",
                ":",
                "%",
                "\x00",
                "\u202e",
                "é",
                "'",
                "/*",
                "net x {",
                "route ",
                " by ",
                "12q",
                "- ",
                "&",
                "<=",
                "\t",
                "\\",
                "$",
                "repeat 3 ",
                "1_0",
                "dna 1\n",
                "\ud800",
            )
        )
        text = random.choice(
            (
                text[:at] + text[at + length :],
                text[:at] + piece + text[at:],
                text[:at] + foreign + text[at:],
                text[:at] + piece[::-1] + text[at + length :],
                text[:at] + foreign + text[at + length :],
            )
        )
    return text

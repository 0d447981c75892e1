"""The LALR machine of `dna.lark`: the only importer of lark, behind five typed methods."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from dnac.syntax.ast import Node
from dnac.syntax.builder import RULES
from dnac.syntax.cache import private_file
from dnac.syntax.lexemes import Lexeme


@contextmanager
def _hidden(module: str) -> Generator[None]:
    """Keep an optional module out of an import."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        yield
    finally:
        del sys.modules[module]


with _hidden("regex"):  # lark would load it for features that this grammar does not use: a third of our start-up
    import lark
    from lark.exceptions import UnexpectedToken
    from lark.parsers.lalr_analysis import Shift


class Refused(Exception):
    """The grammar cannot take this word here. The machine stands as it did before the word."""


class Machine:
    """Takes one word after another; its stack can be unwound after a fault."""

    def __init__(self, start: str) -> None:
        # lark's generics are untyped under pyright; this class is the border
        self._machine: Any = _tables().parse_interactive(start=start)

    def feed(self, word: Lexeme) -> Node | None:
        """Take a word; the tree after `$END`, else None.

        Raises:
            Refused: the word does not fit.
        """
        try:
            return cast("Node | None", self._machine.feed_token(word))  # lark reads only `word.type`
        except UnexpectedToken as error:
            raise Refused from error

    def may_take(self, sort: str) -> bool:
        """Whether the table of this state knows a terminal: exact for keywords, a guess for other words."""
        return sort in self._machine.choices()

    def accepts(self) -> frozenset[str]:
        """All terminals that could come next; tried out, so exact and slow."""
        return frozenset(self._machine.accepts())

    def unwind(self, opener: Lexeme | None) -> None:
        """Drop the unfinished statement, down to the statements before it inside the brace `opener`.

        Between statements, and only there, the machine can shift a separator.
        """
        state = self._machine.parser_state
        while not self._is_between_statements() or _innermost(state.value_stack) is not opener:
            state.state_stack.pop()
            state.value_stack.pop()

    def _is_between_statements(self) -> bool:
        return self._machine.choices().get("_SEP", (None,))[0] is Shift


def _innermost(values: list[object]) -> Lexeme | None:
    """The last opening brace on the stack."""
    return next((v for v in reversed(values) if isinstance(v, Lexeme) and v.type == "LBRACE"), None)


@cache
def _tables() -> Any:
    """The parse tables, from the user's private cache if they are there."""
    grammar = Path(__file__).with_name("dna.lark").read_text(encoding="utf-8")
    key = sha256(f"{lark.__version__} {grammar}".encode()).hexdigest()[:16]
    kept = private_file(f"grammar-{key}.pickle")
    return lark.Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=["file", "setting"],
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=SimpleNamespace(**RULES),
        cache=str(kept) if kept else False,
    )

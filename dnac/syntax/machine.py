"""The LALR machine of `dna.lark`: an interpreter of the tables in `dna.tables.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from dnac.syntax.ast import Node
from dnac.syntax.builder import RULES
from dnac.syntax.lexemes import Lexeme
from dnac.syntax.tables import TABLES


class Refused(Exception):
    """The grammar cannot take this word here. The machine stands as it did before the word, but for ended rules."""


class _Rule(NamedTuple):
    """One way to make a part from parts."""

    name: str
    size: int
    make: Callable[[Any], Any] | None
    """From parts to a node; None for a run of parts, which becomes part of what holds it."""
    stands_for_itself: bool
    """One part alone is the value."""
    runs: tuple[int, ...]
    """Which parts are runs."""
    changes_nothing: bool
    """Whether it only gives its one part another name."""


class _Tables(NamedTuple):
    start: dict[str, int]
    end: dict[str, int]
    rules: tuple[_Rule, ...]
    states: tuple[dict[str, int], ...]
    """What follows a word or a rule: the next state, or `-1 - r` for "rule r ends here"."""
    chains: dict[tuple[int, int, str], int]
    """Kept results of `_after_chain`: by the state below, the state on top, and the word's sort."""


class Machine:
    """Takes one word after another; its stack can be unwound after a fault."""

    def __init__(self, start: str) -> None:
        self._tables = _tables()
        self._end = self._tables.end[start]
        self._states = [self._tables.start[start]]
        self._values: list[Any] = []

    def feed(self, word: Lexeme) -> Node | None:
        """Take a word; the tree after `$END`, else None.

        Raises:
            Refused: the word does not fit.
        """
        states, values, rows, sort = self._states, self._values, self._tables.states, word.type
        while True:
            action = rows[states[-1]].get(sort)
            if action is None:
                raise Refused
            if action >= 0:
                states.append(action)
                values.append(word)
                return None
            rule = self._tables.rules[-1 - action]
            if rule.changes_nothing:
                states[-1] = self._after_chain(states[-2], states[-1], sort)
                continue
            value = _made(rule, values[len(values) - rule.size :])
            del states[len(states) - rule.size :], values[len(values) - rule.size :]
            states.append(rows[states[-1]][rule.name])
            values.append(value)
            if sort == "$END" and states[-1] == self._end:
                return value

    def _after_chain(self, below: int, top: int, sort: str) -> int:
        """The state after all rules at once that only say "a product is a sum is an expression"."""
        known = self._tables.chains.get((below, top, sort))
        if known is not None:
            return known
        rows, rules, state = self._tables.states, self._tables.rules, top
        while (action := rows[state].get(sort, 0)) < 0 and rules[-1 - action].changes_nothing:
            state = rows[below][rules[-1 - action].name]
        self._tables.chains[below, top, sort] = state
        return state

    def may_take(self, sort: str) -> bool:
        """Whether the table of this state knows a terminal: exact for keywords, a guess for other words."""
        return sort in self._tables.states[self._states[-1]]

    def accepts(self) -> frozenset[str]:
        """All terminals that could come next; tried out, so exact and slow."""
        return frozenset(sort for sort in self._tables.states[self._states[-1]] if sort.isupper() and self._fits(sort))

    def unwind(self, opener: Lexeme | None) -> None:
        """Drop the unfinished statement, down to the statements before it inside the brace `opener`.

        Between statements, and only there, the machine can shift a separator.
        """
        while not self._is_between_statements() or _innermost(self._values) is not opener:
            self._states.pop()
            self._values.pop()

    def _fits(self, sort: str) -> bool:
        """Whether a word of this sort can be taken: as `feed`, on a copy of the states."""
        states, rows = list(self._states), self._tables.states
        while (action := rows[states[-1]].get(sort)) is not None and action < 0:
            rule = self._tables.rules[-1 - action]
            del states[len(states) - rule.size :]
            states.append(rows[states[-1]][rule.name])
            if sort == "$END" and states[-1] == self._end:
                return True
        return action is not None

    def _is_between_statements(self) -> bool:
        return self._tables.states[self._states[-1]].get("_SEP", -1) >= 0


def _made(rule: _Rule, parts: list[Any]) -> Any:
    """What a rule makes of its parts, the runs among them written out."""
    if rule.runs:
        whole: list[Any] = parts[0] if rule.runs[0] == 0 else parts[:1]  # a run grows in place, however long it is
        for place, part in enumerate(parts[1:], start=1):
            if place in rule.runs:
                whole.extend(part)
            else:
                whole.append(part)
        parts = whole
    if rule.stands_for_itself and len(parts) == 1:
        return parts[0]
    return parts if rule.make is None else rule.make(parts)


def _innermost(values: list[object]) -> Lexeme | None:
    """The last opening brace on the stack."""
    return next((v for v in reversed(values) if isinstance(v, Lexeme) and v.type == "LBRACE"), None)


@cache
def _tables() -> _Tables:
    made: dict[str, Any] = json.loads(TABLES.read_text(encoding="utf-8"))
    rules = tuple(
        _Rule(name, size, RULES.get(function), alone, tuple(runs), size == 1 and alone and not runs)
        for name, size, function, alone, runs in made["rules"]
    )
    return _Tables(made["start"], made["end"], rules, tuple(made["states"]), {})

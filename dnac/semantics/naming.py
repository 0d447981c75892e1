"""Canonical names: what a step or a set of weights is called in `--set`, metrics and state dict.

A labelled step has its label, another one the word it begins with, numbered from the second on
(`transformer`, `transformer_2`); each enclosing turn adds `[t]`; a step inside a `def` stands
behind the name of the step that uses the `def`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dnac.semantics.scope import Scope
from dnac.syntax import ast


@dataclass(frozen=True)
class Place:
    """Where elaboration stands: scope, the prefix and turns of names, local names of the steps."""

    scope: Scope
    steps: dict[int, str]
    prefix: str = ""
    turns: tuple[int, ...] = ()
    top: bool = True
    """Whether this is the net's own block, where input, embed and head may stand."""

    def name(self, local: str) -> str:
        """The canonical name of something called `local` here."""
        return f"{self.prefix}{local}" + "".join(f"[{t}]" for t in self.turns)

    def step(self, step: ast.Step) -> str:
        """The canonical name of a step of this net or `def`."""
        return self.name(self.steps[id(step)])

    def inside(self, scope: Scope) -> Place:
        """The same place in an inner block."""
        return replace(self, scope=scope, top=False)

    def turn(self, number: int, scope: Scope) -> Place:
        """One turn of a repeat."""
        return replace(self, scope=scope, turns=(*self.turns, number), top=False)


def step_names(block: ast.Block) -> dict[int, str]:
    """Local names of all steps of a block and of the blocks within, by `id` of the step."""
    things, names = {name.text for name in declared(block)}, dict[int, str]()
    used = {step.label.text for step in _steps(block) if step.label is not None}
    for step in _steps(block):
        if step.label is not None:
            names[id(step)] = step.label.text
            continue
        word = _first_word(step)
        local, number = word, 2
        # The first use of a declared module has the module's own name.
        while local in used or (local in things and local != word):
            local, number = f"{word}_{number}", number + 1
        used.add(local)
        names[id(step)] = local
    return names


def declared(block: ast.Block) -> Iterator[ast.Name]:
    """Every name that a block and the blocks within declare: labels and things, but not turns."""
    for statement in block.statements:
        match statement:
            case ast.Step(label, action):
                if label is not None:
                    yield label
                if isinstance(action, (ast.Repeat, ast.Parallel)):
                    yield from declared(action.body)
            case ast.Embed(name) if name is not None:
                yield name
            case ast.Head() | ast.Budget() | ast.ModuleDecl() | ast.RouterDecl() | ast.PoolDecl() | ast.StreamDecl():
                yield statement.name
            case _:
                pass


def plain(name: str) -> str:
    """A canonical name without its turns: `hop` for `hop[17]`."""
    return _TURN.sub("", name)


def last_word(value: ast.Call | ast.Ref) -> str:
    """The word a call or reference ends in: `transformer`, or `smol` of `lib.smol`."""
    ref = value.callee if isinstance(value, ast.Call) else value
    fields = [t.name.text for t in ref.tail if isinstance(t, ast.Field)]
    return fields[-1] if fields else ref.head.text


_TURN = re.compile(r"\[\d+\]")


def _steps(block: ast.Block) -> Iterator[ast.Step]:
    for statement in block.statements:
        if isinstance(statement, ast.Step):
            yield statement
            if isinstance(statement.action, (ast.Repeat, ast.Parallel)):
                yield from _steps(statement.action.body)


def _first_word(step: ast.Step) -> str:
    if isinstance(step.action, ast.Apply):
        return last_word(step.action.value)
    return type(step.action).__name__.lower()

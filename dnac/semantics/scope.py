"""Lexical scope: what a name stands for at one place of a file.

Entries are values (params, formals, turn numbers), recipes (`def`), namespaces (`use`), and the
things of a net: modules, pools, routers, embeds, heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from dnac.ir.graph import Member, Part
from dnac.semantics.numbers import Quantity
from dnac.syntax import ast
from dnac.text.source import Span


@dataclass(frozen=True, slots=True)
class Thunk:
    """A word or call with its place: read where a field says what it wants (`param act = gelu`)."""

    expr: ast.Expr
    scope: Scope


Datum: TypeAlias = "Quantity | bool | str | Thunk | tuple[Datum, ...]"
"""The value of an expression. A list whose items are not all evaluated holds thunks."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A param, a formal with its argument, or the number of a turn. A datum of None is a reported fault."""

    datum: Datum | None
    span: Span


@dataclass(frozen=True, eq=False)
class Recipe:
    """A `def`, and the names above it in its file."""

    definition: ast.DefModule | ast.DefRouter
    scope: Scope
    span: Span


@dataclass(frozen=True, slots=True)
class Namespace:
    """A used file."""

    scope: Scope
    span: Span


@dataclass(frozen=True, slots=True)
class NetEntry:
    """A net of this or of a used file, the names above it, and its own train block if it has one."""

    net: ast.Net | ast.Derive
    scope: Scope
    span: Span
    train: ast.Train | None
    file: Scope
    """All names of the file, which a train block may use."""


@dataclass(frozen=True, slots=True)
class ModuleEntry:
    """A declared module: one set of weights."""

    member: Member
    parts: tuple[Part, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """One line of a pool: `count` modules of one make (None: a single one)."""

    name: str
    set: str
    count: int | None
    parts: tuple[Part, ...]
    span: Span
    pool: str

    @property
    def members(self) -> tuple[Member, ...]:
        """The modules, in order."""
        if self.count is None:
            return (Member(self.set),)
        return tuple(Member(self.set, i) for i in range(self.count))


@dataclass(frozen=True, eq=False)
class PoolEntry:
    """A pool: its groups in order of declaration, and the name of its own norm's weights."""

    name: str
    groups: tuple[Group, ...]
    norm: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class RouterEntry:
    """A declared router. Its size is known where it is first used; `name` is its canonical name."""

    declaration: ast.RouterDecl
    scope: Scope
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """An embed or a head, by name."""

    role: str
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A thing that was declared with faults, or that is not built yet: known, but of no use."""

    span: Span


Entry = Constant | Recipe | Namespace | NetEntry | ModuleEntry | PoolEntry | RouterEntry | SharedEntry | Unbuilt


@dataclass(eq=False)
class Scope:
    """Names of one block, inside those of its parent."""

    parent: Scope | None = None
    names: dict[str, Entry] = field(default_factory=dict[str, Entry])
    later: dict[str, Span] = field(default_factory=dict[str, Span])
    """Names that this block declares further down."""

    def find(self, name: str) -> Entry | None:
        """What a name stands for here, innermost first."""
        return next((s.names[name] for s in self.chain() if name in s.names), None)

    def declared_later(self, name: str) -> Span | None:
        """Where a name that is not known yet is declared further down."""
        return next((s.later[name] for s in self.chain() if name in s.later), None)

    def visible(self) -> list[str]:
        """All names that can be used here."""
        return [name for s in self.chain() for name in s.names]

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, outwards."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def sort_of(entry: Entry) -> str:
    """What an entry is, for messages: "a pool"."""
    match entry:
        case Recipe(definition):
            return "a module recipe" if isinstance(definition, ast.DefModule) else "a router recipe"
        case SharedEntry(role):
            return f"the {role}" if role == "embed" else f"a {role}"
        case Unbuilt():
            return "something that has faults"
        case _:
            return _SORTS[type(entry)]


_SORTS: dict[type[object], str] = {
    Constant: "a value", Namespace: "a used file", NetEntry: "a net", ModuleEntry: "a module",
    PoolEntry: "a pool", RouterEntry: "a router",
}  # fmt: skip

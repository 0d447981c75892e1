"""The tree of a `.dna` file: frozen nodes, a span on each, left out of equality.

The nodes mirror `dna.lark` one to one and hold no behaviour. A fault found much later still points
at the span of the node it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dnac.text.source import Span


@dataclass(frozen=True, slots=True)
class Node:
    """Anything with a place in the text."""

    span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Name(Node):
    """An identifier."""

    text: str


# --- expressions -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number with its suffix applied (k, M, Ki, ...); `unit` is "", "%" or "x"."""

    value: int | float
    unit: str = ""
    written: str = field(default="", compare=False, repr=False)
    """The text of the number, which the formatter keeps."""


@dataclass(frozen=True, slots=True)
class String(Node):
    """A quoted text."""

    value: str


@dataclass(frozen=True, slots=True)
class ListExpr(Node):
    """`[a, b, c]`"""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`.name` after a reference."""

    name: Name


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`[i]` after a reference."""

    index: Expr


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`[i:j]` after a reference."""

    start: Expr
    stop: Expr


@dataclass(frozen=True, slots=True)
class Ref(Node):
    """`name`, `a.b`, `hop[17].choose`: a name and what follows it."""

    head: Name
    tail: tuple[Field | Index | Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Arg(Node):
    """A positional (`name` is None) or named argument."""

    name: Name | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`callee(args)`"""

    callee: Ref
    args: tuple[Arg, ...] = ()


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x`"""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`a + b`, with op one of + - * / & < <= == >= >."""

    op: str
    left: Expr
    right: Expr


Expr = Number | String | ListExpr | Ref | Call | Unary | Binary


# --- settings and blocks ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting(Node):
    """`target = value`"""

    target: Ref
    value: Expr


@dataclass(frozen=True, slots=True)
class Settings(Node):
    """`{ a = 1; b.c = 2 }`"""

    entries: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`{ statements }`"""

    statements: tuple[Statement, ...]


# --- statements ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input(Node):
    """`input text(...)`"""

    value: Call


@dataclass(frozen=True, slots=True)
class Embed(Node):
    """`embed tokens(...)`, or `embed table = tokens(...)` so that a head may name it."""

    name: Name | None
    value: Call


@dataclass(frozen=True, slots=True)
class Head(Node):
    """`head lm = unembed(...)`"""

    name: Name
    value: Call


@dataclass(frozen=True, slots=True)
class Budget(Node):
    """`budget purse = flops(...)`"""

    name: Name
    value: Call


@dataclass(frozen=True, slots=True)
class ModuleDecl(Node):
    """`module a = kind(...)`"""

    name: Name
    value: Call | Ref


@dataclass(frozen=True, slots=True)
class RouterDecl(Node):
    """`router r { ... }` or `router r = preset(...)`"""

    name: Name
    value: Call | Ref | Settings


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`block[72] = kind(...)` inside a pool; `count` is None for a single member."""

    name: Name
    count: Expr | None
    value: Call | Ref


@dataclass(frozen=True, slots=True)
class PoolDecl(Node):
    """`pool nodes(norm = rms) { members }`"""

    name: Name
    args: tuple[Arg, ...]
    members: tuple[Member, ...]
    body: Span | None = field(default=None, compare=False, repr=False, kw_only=True)
    """The place of `{ members }`."""


@dataclass(frozen=True, slots=True)
class StreamDecl(Node):
    """`stream tok` (a named residual stream)."""

    name: Name


@dataclass(frozen=True, slots=True)
class Init(Node):
    """`init layers.block = checkpoint(...)`"""

    target: Ref
    value: Call


@dataclass(frozen=True, slots=True)
class Assert(Node):
    """`assert params < 50M`, `assert causal`, `assert not_causal(label)`"""

    condition: Expr


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """A step that sends every token through one module: `transformer(...)`, or a declared name."""

    value: Call | Ref


@dataclass(frozen=True, slots=True)
class Repeat(Node):
    """`repeat 12 as t { ... }`"""

    count: Expr
    turn: Name | None
    body: Block


@dataclass(frozen=True, slots=True)
class Parallel(Node):
    """`parallel(norm = rms) { a; b }`: h + sum (M_i(h) - h)."""

    args: tuple[Arg, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Route(Node):
    """`route nodes by { ... }`; `over` is a pool's name or a list of members."""

    over: Ref | ListExpr
    by: Ref | Call | Settings


@dataclass(frozen=True, slots=True)
class Halt(Node):
    """`halt by pond`"""

    by: Ref | Call | Settings


@dataclass(frozen=True, slots=True)
class Tap(Node):
    """`tap lm(loss = 1 / 24)`"""

    target: Ref
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Step(Node):
    """A step with its label, if it has one."""

    label: Name | None
    action: Apply | Repeat | Parallel | Route | Halt | Tap


Statement = Input | Embed | Head | Budget | ModuleDecl | RouterDecl | PoolDecl | StreamDecl | Init | Assert | Step


# --- items -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use(Node):
    """`use "std/routers.dna" as r`"""

    path: String
    alias: Name | None


@dataclass(frozen=True, slots=True)
class Param(Node):
    """`param width = 256`"""

    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Formal(Node):
    """A parameter of a `def`; `default` is None where the caller must give it."""

    name: Name
    default: Expr | None


@dataclass(frozen=True, slots=True)
class DefModule(Node):
    """`def module name(formals) { steps }`: a recipe, never weights."""

    name: Name
    formals: tuple[Formal, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class DefRouter(Node):
    """`def router name(formals) { settings }`"""

    name: Name
    formals: tuple[Formal, ...]
    body: Settings


@dataclass(frozen=True, slots=True)
class Net(Node):
    """`net name { ... }`"""

    name: Name
    body: Block


@dataclass(frozen=True, slots=True)
class Derive(Node):
    """`net b = a with { ... }`"""

    name: Name
    base: Ref
    changes: Settings


@dataclass(frozen=True, slots=True)
class Train(Node):
    """`train net_name { ... }`"""

    net: Name
    body: Settings


Item = Use | Param | DefModule | DefRouter | Net | Derive | Train


@dataclass(frozen=True, slots=True)
class File(Node):
    """A whole file; `version` is the language version of its first line."""

    version: int
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Comment(Node):
    """`# text`, kept for the formatter; not part of the tree's meaning."""

    text: str

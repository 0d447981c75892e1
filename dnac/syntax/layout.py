"""The parts of a statement that the formatter lays out: its head, its broken-up list, and its body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from dnac.syntax import ast
from dnac.syntax.printer import argument, expression, formals, name_and_alias, parameters
from dnac.text.source import Span

Entry = ast.Item | ast.Statement | ast.Member | ast.Setting
Action = ast.Apply | ast.Repeat | ast.Parallel | ast.Route | ast.Halt | ast.Tap


@dataclass(frozen=True)
class Body:
    """What stands in the { } of an entry."""

    entries: tuple[Entry, ...]
    span: Span
    """From `{` to `}`."""


@dataclass(frozen=True)
class Shape:
    """`before` + `value` + `after` + body. Only `value` may be broken into several lines."""

    before: str
    value: ast.Expr | None = None
    after: str = ""
    body: Body | None = None

    @property
    def head(self) -> str:
        """Everything but the body, on one line."""
        return self.before + (expression(self.value) if self.value is not None else "") + self.after


def shape(entry: Entry) -> Shape:
    """How one item, statement, member or setting is laid out."""
    match entry:
        case ast.Setting(target, value):
            return Shape(f"{expression(target)} = ", value)
        case ast.Member(name, count, value):
            return Shape(f"{name.text}{f'[{expression(count)}]' if count else ''} = ", value)
        case ast.Step(label, action):
            return _labelled(label, _action(action))
        case ast.Use() | ast.Param() | ast.DefModule() | ast.DefRouter() | ast.Net() | ast.Derive() | ast.Train():
            return _item(entry)
        case _:
            return _declaration(entry)


def _item(item: ast.Item) -> Shape:
    match item:
        case ast.Use(path, alias):
            return Shape(name_and_alias(f"use {expression(path)}", "as", alias))
        case ast.Param(name, value):
            return Shape(f"param {name.text} = ", value)
        case ast.DefModule(name, parameters_, body):
            return Shape(f"def module {name.text}({formals(parameters_)})", body=_block(body))
        case ast.DefRouter(name, parameters_, body):
            return Shape(f"def router {name.text}({formals(parameters_)})", body=_settings(body))
        case ast.Net(name, body):
            return Shape(f"net {name.text}", body=_block(body))
        case ast.Derive(name, base, changes):
            return Shape(f"net {name.text} = {expression(base)} with", body=_settings(changes))
        case ast.Train(net, body):
            return Shape(f"train {net.text}", body=_settings(body))
        case _:
            assert_never(item)


def _declaration(node: ast.Statement) -> Shape:
    match node:
        case ast.RouterDecl() | ast.PoolDecl():
            return _routing(node)
        case ast.Embed(name, value):
            return Shape(f"embed {name.text} = " if name else "embed ", value)
        case ast.Input(value):
            return Shape("input ", value)
        case ast.Head(name, value) | ast.Budget(name, value) | ast.ModuleDecl(name, value):
            return Shape(f"{_WORDS[type(node)]} {name.text} = ", value)
        case ast.StreamDecl(name):
            return Shape(f"stream {name.text}")
        case ast.Init(target, value):
            return Shape(f"init {expression(target)} = ", value)
        case ast.Assert(condition):
            return Shape("assert ", condition)
        case ast.Step(label, action):
            return _labelled(label, _action(action))
        case _:
            assert_never(node)


_WORDS: dict[type[ast.Node], str] = {ast.Head: "head", ast.Budget: "budget", ast.ModuleDecl: "module"}


def _routing(node: ast.RouterDecl | ast.PoolDecl) -> Shape:
    if isinstance(node, ast.PoolDecl):
        head = f"pool {node.name.text}{parameters(node.args)}"
        return Shape(head, body=Body(node.members, node.body or node.span))
    if isinstance(node.value, ast.Settings):
        return Shape(f"router {node.name.text}", body=_settings(node.value))
    return Shape(f"router {node.name.text} = ", node.value)


def _action(action: Action) -> Shape:
    match action:
        case ast.Apply(value):
            return Shape("", value)
        case ast.Repeat(count, turn, body):
            return Shape(name_and_alias(f"repeat {expression(count)}", "as", turn), body=_block(body))
        case ast.Parallel(args, body):
            return Shape(f"parallel{parameters(args)}", body=_block(body))
        case ast.Route(over, by):
            return _by("route ", over, by)
        case ast.Halt(by):
            return _by("halt", None, by)
        case ast.Tap(target, args):
            return Shape(
                f"tap {expression(target)}({', '.join(map(argument, args))})" if args else f"tap {expression(target)}"
            )
        case _:
            assert_never(action)


def _by(before: str, over: ast.Ref | ast.ListExpr | None, by: ast.Ref | ast.Call | ast.Settings) -> Shape:
    if isinstance(by, ast.Settings):
        return Shape(before, over, " by", body=_settings(by))
    head = before + (expression(over) if over is not None else "")
    return Shape(f"{head} by ", by)


def _labelled(label: ast.Name | None, inner: Shape) -> Shape:
    if label is None:
        return inner
    return Shape(f"{label.text}: {inner.before}", inner.value, inner.after, inner.body)


def _block(block: ast.Block) -> Body:
    return Body(block.statements, block.span)


def _settings(settings: ast.Settings) -> Body:
    return Body(settings.entries, settings.span)

"""What the grammar's rules make: one function for each rule of `dna.lark`, from its parts to a node.

The parts hold all words and nodes of a rule in order; a node spans from its first to its last part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, cast

from dnac.syntax import ast, numbers
from dnac.syntax.lexemes import Lexeme
from dnac.text.source import Span

Part = Lexeme | ast.Node
Parts = list[Part]
N = TypeVar("N", bound=ast.Node)

_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}

KindRef = ast.Call | ast.Ref
By = ast.Ref | ast.Call | ast.Settings


def _span(parts: Parts) -> Span:
    return parts[0].span.to(parts[-1].span)


def _all(parts: Parts, kind: type[N]) -> tuple[N, ...]:
    return tuple([p for p in parts if isinstance(p, kind)])


def _name(parts: Parts) -> ast.Name:
    return next(p for p in parts if isinstance(p, ast.Name))


def _maybe_name(parts: Parts) -> ast.Name | None:
    return next((p for p in parts if isinstance(p, ast.Name)), None)


# --- file and items ---------------------------------------------------------------------------


def _file(parts: Parts) -> ast.Node:
    header = next(p for p in parts if isinstance(p, ast.Number))
    items = tuple([cast(ast.Item, p) for p in parts if isinstance(p, ast.Node) and p is not header])
    return ast.File(int(header.value), items, span=header.span.to(parts[-1].span))


def _header(parts: Parts) -> ast.Node:
    return replace(_number(parts[1:]), span=_span(parts))


def _use(parts: Parts) -> ast.Node:
    return ast.Use(cast(ast.String, parts[1]), _maybe_name(parts), span=_span(parts))


def _param(parts: Parts) -> ast.Node:
    return ast.Param(_name(parts), cast(ast.Expr, parts[3]), span=_span(parts))


def _formal(parts: Parts) -> ast.Node:
    default = cast(ast.Expr, parts[2]) if len(parts) == 3 else None
    return ast.Formal(_name(parts), default, span=_span(parts))


def _def_module(parts: Parts) -> ast.Node:
    formals = _all(parts, ast.Formal)
    return ast.DefModule(_name(parts), formals, cast(ast.Block, parts[-1]), span=_span(parts))


def _def_router(parts: Parts) -> ast.Node:
    formals = _all(parts, ast.Formal)
    return ast.DefRouter(_name(parts), formals, cast(ast.Settings, parts[-1]), span=_span(parts))


def _net(parts: Parts) -> ast.Node:
    return ast.Net(_name(parts), cast(ast.Block, parts[-1]), span=_span(parts))


def _derive(parts: Parts) -> ast.Node:
    base, changes = cast(ast.Ref, parts[3]), cast(ast.Settings, parts[-1])
    return ast.Derive(_name(parts), base, changes, span=_span(parts))


def _train(parts: Parts) -> ast.Node:
    return ast.Train(_name(parts), cast(ast.Settings, parts[-1]), span=_span(parts))


# --- blocks and declarations ------------------------------------------------------------------


def _block(parts: Parts) -> ast.Node:
    statements = tuple([cast(ast.Statement, p) for p in parts if isinstance(p, ast.Node)])
    return ast.Block(statements, span=_span(parts))


def _settings(parts: Parts) -> ast.Node:
    return ast.Settings(_all(parts, ast.Setting), span=_span(parts))


def _setting(parts: Parts) -> ast.Node:
    return ast.Setting(cast(ast.Ref, parts[0]), cast(ast.Expr, parts[2]), span=_span(parts))


def _input(parts: Parts) -> ast.Node:
    return ast.Input(cast(ast.Call, parts[1]), span=_span(parts))


def _embed(parts: Parts) -> ast.Node:
    return ast.Embed(_maybe_name(parts), cast(ast.Call, parts[-1]), span=_span(parts))


def _head(parts: Parts) -> ast.Node:
    return ast.Head(_name(parts), cast(ast.Call, parts[-1]), span=_span(parts))


def _budget(parts: Parts) -> ast.Node:
    return ast.Budget(_name(parts), cast(ast.Call, parts[-1]), span=_span(parts))


def _module(parts: Parts) -> ast.Node:
    return ast.ModuleDecl(_name(parts), cast(KindRef, parts[-1]), span=_span(parts))


def _router(parts: Parts) -> ast.Node:
    return ast.RouterDecl(_name(parts), cast(By, parts[-1]), span=_span(parts))


def _pool(parts: Parts) -> ast.Node:
    brace = next(p for p in parts if isinstance(p, Lexeme) and p.type == "LBRACE")
    args, members = _all(parts, ast.Arg), _all(parts, ast.Member)
    return ast.PoolDecl(_name(parts), args, members, span=_span(parts), body=brace.span.to(parts[-1].span))


def _member(parts: Parts) -> ast.Node:
    count = cast(ast.Expr, parts[2]) if len(parts) == 6 else None
    return ast.Member(_name(parts), count, cast(KindRef, parts[-1]), span=_span(parts))


def _stream(parts: Parts) -> ast.Node:
    return ast.StreamDecl(_name(parts), span=_span(parts))


def _init(parts: Parts) -> ast.Node:
    return ast.Init(cast(ast.Ref, parts[1]), cast(ast.Call, parts[3]), span=_span(parts))


def _assertion(parts: Parts) -> ast.Node:
    return ast.Assert(cast(ast.Expr, parts[1]), span=_span(parts))


# --- steps ------------------------------------------------------------------------------------


def _step(parts: Parts) -> ast.Node:
    action = cast("ast.Apply | ast.Repeat | ast.Parallel | ast.Route | ast.Halt | ast.Tap", parts[-1])
    return ast.Step(_name(parts) if len(parts) == 3 else None, action, span=_span(parts))


def _apply(parts: Parts) -> ast.Node:
    return ast.Apply(cast(KindRef, parts[0]), span=_span(parts))


def _repeat(parts: Parts) -> ast.Node:
    count, body = cast(ast.Expr, parts[1]), cast(ast.Block, parts[-1])
    return ast.Repeat(count, _maybe_name(parts), body, span=_span(parts))


def _parallel(parts: Parts) -> ast.Node:
    return ast.Parallel(_all(parts, ast.Arg), cast(ast.Block, parts[-1]), span=_span(parts))


def _route(parts: Parts) -> ast.Node:
    return ast.Route(cast("ast.Ref | ast.ListExpr", parts[1]), cast(By, parts[3]), span=_span(parts))


def _halt(parts: Parts) -> ast.Node:
    return ast.Halt(cast(By, parts[2]), span=_span(parts))


def _tap(parts: Parts) -> ast.Node:
    return ast.Tap(cast(ast.Ref, parts[1]), _all(parts, ast.Arg), span=_span(parts))


# --- expressions ------------------------------------------------------------------------------


def _binary(parts: Parts) -> ast.Node:
    left, right = cast(ast.Expr, parts[0]), cast(ast.Expr, parts[2])
    return ast.Binary(cast(Lexeme, parts[1]).text, left, right, span=_span(parts))


def _negative(parts: Parts) -> ast.Node:
    return ast.Unary(cast(ast.Expr, parts[1]), span=_span(parts))


def _group(parts: Parts) -> ast.Node:
    return replace(cast(ast.Node, parts[1]), span=_span(parts))


def _list(parts: Parts) -> ast.Node:
    return ast.ListExpr(tuple([cast(ast.Expr, p) for p in parts if isinstance(p, ast.Node)]), span=_span(parts))


def _call(parts: Parts) -> ast.Node:
    return ast.Call(cast(ast.Ref, parts[0]), _all(parts, ast.Arg), span=_span(parts))


def _argument(parts: Parts) -> ast.Node:
    name = _name(parts) if len(parts) == 3 else None
    return ast.Arg(name, cast(ast.Expr, parts[-1]), span=_span(parts))


def _ref(parts: Parts) -> ast.Node:
    tail = tuple([p for p in parts if isinstance(p, ast.Field | ast.Index | ast.Slice)])
    return ast.Ref(_name(parts), tail, span=_span(parts))


def _field(parts: Parts) -> ast.Node:
    return ast.Field(_name(parts), span=_span(parts))


def _index(parts: Parts) -> ast.Node:
    return ast.Index(cast(ast.Expr, parts[1]), span=_span(parts))


def _slice(parts: Parts) -> ast.Node:
    return ast.Slice(cast(ast.Expr, parts[1]), cast(ast.Expr, parts[3]), span=_span(parts))


# --- words ------------------------------------------------------------------------------------


def _name_word(parts: Parts) -> ast.Node:
    word = cast(Lexeme, parts[0])
    return ast.Name(word.text, span=word.span)


def _number(parts: Parts) -> ast.Node:
    word = cast(Lexeme, parts[0])
    value, unit = numbers.value(word.text)
    return ast.Number(value, unit, word.text, span=word.span)


def _string(parts: Parts) -> ast.Node:
    word = cast(Lexeme, parts[0])
    value = _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), word.text[1:-1])
    return ast.String(value, span=word.span)


RULES: dict[str, Callable[[Parts], ast.Node]] = {
    "file": _file,
    "header": _header,
    "use": _use,
    "param": _param,
    "formal": _formal,
    "def_module": _def_module,
    "def_router": _def_router,
    "net": _net,
    "derive": _derive,
    "train": _train,
    "block": _block,
    "settings": _settings,
    "setting": _setting,
    "input": _input,
    "embed": _embed,
    "head": _head,
    "budget": _budget,
    "module": _module,
    "router": _router,
    "pool": _pool,
    "member": _member,
    "stream": _stream,
    "init": _init,
    "assertion": _assertion,
    "step": _step,
    "apply": _apply,
    "repeat": _repeat,
    "parallel": _parallel,
    "route": _route,
    "halt": _halt,
    "tap": _tap,
    "binary": _binary,
    "negative": _negative,
    "group": _group,
    "list": _list,
    "call": _call,
    "argument": _argument,
    "ref": _ref,
    "field": _field,
    "index": _index,
    "slice": _slice,
    "name": _name_word,
    "number": _number,
    "string": _string,
}
"""Rule of the grammar to the function that makes its node."""

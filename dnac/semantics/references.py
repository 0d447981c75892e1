"""The names that an expression mentions, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterator

from dnac.syntax import ast


def heads(expr: ast.Expr) -> Iterator[str]:
    """First names of all references in an expression: words, members and names alike."""
    if isinstance(expr, ast.Ref):
        yield expr.head.text
    for inner in _inside(expr):
        yield from heads(inner)


def settings_heads(settings: ast.Settings) -> Iterator[str]:
    """The same for all values of a block of settings."""
    for entry in settings.entries:
        yield from heads(entry.value)


def _inside(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The expressions that stand directly in one."""
    match expr:
        case ast.ListExpr(items):
            yield from items
        case ast.Ref(_, tail):
            for step in tail:
                yield from _inside_step(step)
        case ast.Call(callee, args):
            yield callee
            yield from (arg.value for arg in args)
        case ast.Unary(operand):
            yield operand
        case ast.Binary(_, left, right):
            yield from (left, right)
        case ast.Number() | ast.String():
            return


def _inside_step(step: ast.Field | ast.Index | ast.Slice) -> Iterator[ast.Expr]:
    if isinstance(step, ast.Index):
        yield step.index
    elif isinstance(step, ast.Slice):
        yield from (step.start, step.stop)

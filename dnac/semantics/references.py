"""The names that an expression mentions, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterator

from dnac.syntax import ast


def heads(expr: ast.Expr) -> Iterator[str]:
    """First names of all references in an expression: words, members and names alike."""
    match expr:
        case ast.ListExpr(items):
            for item in items:
                yield from heads(item)
        case ast.Ref(head, tail):
            yield head.text
            for step in tail:
                if isinstance(step, ast.Index):
                    yield from heads(step.index)
                elif isinstance(step, ast.Slice):
                    yield from heads(step.start)
                    yield from heads(step.stop)
        case ast.Call(callee, args):
            yield from heads(callee)
            for arg in args:
                yield from heads(arg.value)
        case ast.Unary(operand):
            yield from heads(operand)
        case ast.Binary(_, left, right):
            yield from heads(left)
            yield from heads(right)
        case ast.Number() | ast.String():
            return


def settings_heads(settings: ast.Settings) -> Iterator[str]:
    """The same for all values of a block of settings."""
    for entry in settings.entries:
        yield from heads(entry.value)

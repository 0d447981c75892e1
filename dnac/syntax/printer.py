"""A node as one line of canonical text, with the fewest parentheses."""

from __future__ import annotations

from typing import assert_never

from dnac.syntax import ast

_LEVELS = {"<": 0, "<=": 0, "==": 0, ">=": 0, ">": 0, "&": 1, "+": 2, "-": 2, "*": 3, "/": 3}
_UNARY, _ATOM = 4, 5
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})

By = ast.Ref | ast.Call | ast.Settings


def expression(node: ast.Expr, level: int = 0) -> str:
    """An expression; in parentheses if it binds less than `level` asks for."""
    text = _expression(node)
    own = _UNARY if isinstance(node, ast.Unary) else _LEVELS[node.op] if isinstance(node, ast.Binary) else _ATOM
    return text if own >= level else f"({text})"


def _expression(node: ast.Expr) -> str:
    match node:
        case ast.Number():
            return number(node)
        case ast.String(value):
            return f'"{value.translate(_ESCAPES)}"'
        case ast.ListExpr(items):
            return f"[{', '.join(expression(item) for item in items)}]"
        case ast.Ref(head, tail):
            return head.text + "".join(_tail(part) for part in tail)
        case ast.Call(callee, args):
            return f"{expression(callee)}({arguments(args)})"
        case ast.Unary(operand):
            return f"-{expression(operand, _UNARY)}"
        case ast.Binary(op, left, right):
            own = _LEVELS[op]
            # comparisons do not chain, so both sides bind tighter; all others lean to the left
            return f"{expression(left, own or 1)} {op} {expression(right, own + 1)}"
        case _:
            assert_never(node)


def number(node: ast.Number) -> str:
    """A number as it was written, or plainly if it was made by a program."""
    return node.written or f"{node.value!r}{node.unit}"


def _tail(part: ast.Field | ast.Index | ast.Slice) -> str:
    match part:
        case ast.Field(name):
            return f".{name.text}"
        case ast.Index(index):
            return f"[{expression(index)}]"
        case ast.Slice(start, stop):
            return f"[{expression(start)}:{expression(stop)}]"
        case _:
            assert_never(part)


def argument(node: ast.Arg) -> str:
    """`value` or `name = value`."""
    return (f"{node.name.text} = " if node.name else "") + expression(node.value)


def arguments(args: tuple[ast.Arg, ...]) -> str:
    """Arguments with commas between, without parentheses."""
    return ", ".join(argument(arg) for arg in args)


def parameters(args: tuple[ast.Arg, ...]) -> str:
    """Arguments in parentheses, or nothing if there are none."""
    return f"({arguments(args)})" if args else ""


def formals(nodes: tuple[ast.Formal, ...]) -> str:
    """`a, b = 4x`"""
    return ", ".join(f"{f.name.text} = {expression(f.default)}" if f.default else f.name.text for f in nodes)


def name_and_alias(text: str, joint: str, name: ast.Name | None) -> str:
    """`text`, or `text as name`."""
    return f"{text} {joint} {name.text}" if name else text

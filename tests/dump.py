"""A tree as text, one node a line with its place: for goldens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from dnac.syntax import ast


def dump(node: ast.Node) -> str:
    """The node and all below it."""
    return "\n".join(_lines(node, "")) + "\n"


def _lines(node: ast.Node, label: str) -> Iterator[str]:
    span = node.span
    place = f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"
    yield f"{label}{type(node).__name__}{_leaves(node)} {place}"
    for field in fields(node):
        value = getattr(node, field.name)
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, ast.Node) and not isinstance(part, ast.Name | ast.Comment):
                yield from ("  " + line for line in _lines(part, f"{field.name}: "))


def _leaves(node: ast.Node) -> str:
    """Plain values and names of a node."""
    shown = ((f.name, getattr(node, f.name)) for f in fields(node) if f.compare)
    named = ((name, value.text if isinstance(value, ast.Name) else value) for name, value in shown)
    return "".join(f" {value!r}" for _, value in named if isinstance(value, str | int | float) and value != "")

"""A sum of losses, `task + 0.5 * distill(...)`, to its terms: each a word with its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from dnac.ir.form import Form, Value
from dnac.semantics import errors_names, errors_values
from dnac.semantics.numbers import Quantity
from dnac.semantics.scope import NetEntry, Scope, sort_of
from dnac.semantics.values import evaluate
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast

INITIAL = ".initial"
"""What stands behind a net's name where its first weights are meant."""


def terms(expr: ast.Expr, scope: Scope, word: Callable[[ast.Expr], Form]) -> tuple[Value, ...]:
    """The forms of all terms, with the numbers in front of them as their `weight`. `word` makes a form of a term.

    Raises:
        Wrong: a term is no loss, or something else than `+` and `*` stands between.
    """
    return tuple(_term(part, scope, word) for part in parts(expr))


def parts(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The terms of a list or sum, as written; of anything else the whole."""
    if isinstance(expr, ast.ListExpr):
        for item in expr.items:
            yield from parts(item)
    elif isinstance(expr, ast.Binary) and expr.op == "+":
        yield from parts(expr.left)
        yield from parts(expr.right)
    else:
        yield expr


def _term(expr: ast.Expr, scope: Scope, word: Callable[[ast.Expr], Form]) -> Form:
    if isinstance(expr, ast.Binary) and expr.op == "*":
        factor = evaluate(expr.left, scope)
        if not isinstance(factor, Quantity) or factor.unit:
            help_ = "write `0.5 * distill(...)`"
            raise Wrong(errors_values.field_sum("a loss is multiplied by a plain number", expr.left.span, help_))
        form = word(_named(expr.right, scope))
        return form.replace(weight=float(factor.value))
    if isinstance(expr, ast.Binary | ast.Unary):
        raise Wrong(errors_values.field_sum("losses are added", expr.span, "write `task + 0.5 * distill(...)`"))
    return word(_named(expr, scope))


def _named(expr: ast.Expr, scope: Scope) -> ast.Expr:
    """`teacher = radial.initial` as a text, once the net is known to be there."""
    if not isinstance(expr, ast.Call):
        return expr
    args = tuple(replace(arg, value=_teacher(arg.value, scope)) for arg in expr.args)
    return replace(expr, args=args)


def _teacher(value: ast.Expr, scope: Scope) -> ast.Expr:
    if not isinstance(value, ast.Ref) or not value.span.text.endswith(INITIAL) or len(value.tail) != 1:
        return value
    entry = scope.find(value.head.text)
    if entry is None:
        nets = [n for n in scope.names if isinstance(scope.names[n], NetEntry)]
        raise Wrong(errors_names.unknown_net(value.head.text, value.span, nets))
    if not isinstance(entry, NetEntry):
        raise Wrong(errors_names.wrong_sort(value.span, sort_of(entry), "a net", value.span))
    return ast.String(value.head.text + INITIAL, span=value.span)

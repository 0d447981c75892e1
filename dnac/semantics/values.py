"""Expressions to values: arithmetic, comparisons, lists, and words left for the field that wants them."""

from __future__ import annotations

from dnac.semantics import errors_names, words
from dnac.semantics import errors_values as errors
from dnac.semantics.numbers import Quantity, arithmetic, checked, compare
from dnac.semantics.scope import Constant, Datum, Entry, Namespace, Scope, Thunk, Unbuilt, sort_of
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span
from dnac.text.suggest import nearest


def evaluate(expr: ast.Expr, scope: Scope) -> Datum:
    """The value of an expression.

    Raises:
        Wrong: it has none.
    """
    match expr:
        case ast.Number():
            return checked(expr.value, expr.unit, expr.span)
        case ast.String():
            return expr.value
        case ast.ListExpr():
            return tuple(evaluate(item, scope) for item in expr.items)
        case ast.Unary():
            operand = number(expr.operand, scope)
            return Quantity(-operand.value, operand.unit)
        case ast.Binary():
            return _binary(expr, scope)
        case ast.Ref():
            return _reference(expr, scope)
        case ast.Call():
            return _word(expr.callee, expr, scope)


def evaluate_argument(expr: ast.Expr, scope: Scope) -> Datum:
    """The value of an argument of a `def`: also a bare word that only its field can know (a member's name)."""
    if isinstance(expr, ast.ListExpr):
        return tuple(evaluate_argument(item, scope) for item in expr.items)
    if isinstance(expr, ast.Ref) and not expr.tail and not _is_name(expr, scope):
        return expr.head.text == "true" if expr.head.text in ("true", "false") else Thunk(expr, scope)
    return evaluate(expr, scope)


def number(expr: ast.Expr, scope: Scope) -> Quantity:
    """The value of an expression that must be a number."""
    datum = evaluate(expr, scope)
    if isinstance(datum, Thunk) and isinstance(datum.expr, ast.Ref) and not words.is_word(datum.expr.head.text):
        raise Wrong(unknown(datum.expr.head, datum.scope))
    if not isinstance(datum, Quantity):
        raise Wrong(errors.not_a_number(describe(datum), expr.span))
    return datum


def whole(expr: ast.Expr, scope: Scope, what: str) -> int:
    """The value of an expression that must be a plain whole number, such as a count."""
    quantity = number(expr, scope)
    if quantity.unit:
        raise Wrong(errors.wrong_unit(what, str(quantity), "a whole number", expr.span))
    if not isinstance(quantity.value, int):
        raise Wrong(errors.not_whole(what, str(quantity), expr.span))
    return quantity.value


def resolve(ref: ast.Ref, scope: Scope) -> tuple[Entry, tuple[ast.Field | ast.Index | ast.Slice, ...]]:
    """What a reference's head stands for (through used files), and the rest of the reference."""
    entry, tail, name = scope.find(ref.head.text), ref.tail, ref.head
    if entry is None:
        raise Wrong(unknown(ref.head, scope))
    while isinstance(entry, Namespace) and tail and isinstance(tail[0], ast.Field):
        inner = tail[0].name
        found = entry.scope.names.get(inner.text)
        if found is None:
            raise Wrong(errors_names.not_in_file(name.text, inner, list(entry.scope.names)))
        entry, tail, name = found, tail[1:], inner
    if isinstance(entry, Unbuilt):
        raise Wrong()  # its own fault has been told
    return entry, tail


def unknown(name: ast.Name, scope: Scope) -> Diagnostic:
    """The fault of a name that is not known here."""
    later = scope.declared_later(name.text)
    if later is not None:
        return errors_names.used_before_declared(name, later)
    meaning = words.meaning(name.text)
    if meaning is not None:
        return errors_names.word_as_name(name, meaning, tuple(scope.visible()))
    return errors_names.unknown_name(name, (*scope.visible(), *words.all_words(), *words.FIXED))


def is_strange(text: str, scope: Scope) -> bool:
    """Whether a bare word is no value, no word of any field, no name, and none that is spelled nearly as a value's."""
    if text in ("true", "false") or words.is_word(text) or scope.declared_later(text) is not None:
        return False
    known = [name for name in scope.visible() if isinstance(scope.find(name), (Constant, Namespace))]
    return scope.find(text) is None and nearest(text, known) is None


def describe(datum: Datum) -> str:
    """A value in words, for messages."""
    match datum:
        case bool():
            return f"`{str(datum).lower()}`"
        case Quantity():
            return f"`{datum}`"
        case str():
            return "a text"
        case Thunk():
            return f"`{datum.expr.span.text}`"
        case tuple():
            return "a list"


def _binary(expr: ast.Binary, scope: Scope) -> Datum:
    if expr.op == "&":
        raise Wrong(errors.unsupported("mask terms joined by `&`", expr.span))
    if expr.op in ("+", "-", "*", "/"):
        return arithmetic(expr.op, number(expr.left, scope), number(expr.right, scope), expr.span)
    left, right = evaluate(expr.left, scope), evaluate(expr.right, scope)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return compare(expr.op, left, right, expr.span)
    if expr.op == "==" and type(left) is type(right) and isinstance(left, (bool, str)):
        return left == right
    culprit = (expr.left, left) if not isinstance(left, Quantity) else (expr.right, right)
    raise Wrong(errors.not_a_number(describe(culprit[1]), culprit[0].span))


def _reference(ref: ast.Ref, scope: Scope) -> Datum:
    if ref.head.text in ("true", "false") and not ref.tail:
        return ref.head.text == "true"
    if not _is_name(ref, scope):
        return _word(ref, ref, scope)
    entry, tail = resolve(ref, scope)
    if not isinstance(entry, Constant):
        raise Wrong(errors_names.wrong_sort(ref.span, sort_of(entry), "a value", entry.span))
    if entry.datum is None:
        raise Wrong()
    return _indexed(entry.datum, tail, scope, ref.span)


def _indexed(datum: Datum, tail: tuple[ast.Field | ast.Index | ast.Slice, ...], scope: Scope, span: Span) -> Datum:
    for step in tail:
        if not isinstance(datum, tuple) or isinstance(step, ast.Field):
            raise Wrong(errors.no_parts(describe(datum), span))
        if isinstance(step, ast.Slice):
            start, stop = bounds(step, len(datum), scope)
            datum = datum[start:stop]
        else:
            datum = datum[position(step, len(datum), scope)]
    return datum


def position(step: ast.Index, size: int, scope: Scope) -> int:
    """A checked index below `size`."""
    index = whole(step.index, scope, "an index")
    if not 0 <= index < size:
        raise Wrong(errors.index_out_of_range(index, size, step.span))
    return index


def bounds(step: ast.Slice, size: int, scope: Scope) -> tuple[int, int]:
    """Checked bounds of a slice that takes at least one."""
    start, stop = whole(step.start, scope, "an index"), whole(step.stop, scope, "an index")
    if not 0 <= start < stop <= size:
        raise Wrong(errors.slice_out_of_range(start, stop, size, step.span))
    return start, stop


def _is_name(ref: ast.Ref, scope: Scope) -> bool:
    """Whether its head is a declared name. One that is no value leaves the word of the same text its meaning."""
    entry = scope.find(ref.head.text)
    if entry is None or isinstance(entry, (Constant, Unbuilt)):
        return entry is not None
    return bool(ref.tail) or not words.is_word(ref.head.text)


def _word(ref: ast.Ref, expr: ast.Ref | ast.Call, scope: Scope) -> Datum:
    if _is_name(ref, scope) and isinstance(expr, ast.Call):
        entry, _ = resolve(ref, scope)
        raise Wrong(errors_names.wrong_sort(ref.span, sort_of(entry), "a value", entry.span))
    if ref.tail or not words.is_word(ref.head.text):
        raise Wrong(unknown(ref.head, scope))
    return Thunk(expr, scope)

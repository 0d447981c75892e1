"""`schedule(start, shape(target, until), ...)` to a form: `schedule{start, pieces=(shape{target, until}, ...)}`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dnac.ir.form import Form, Value
from dnac.kinds.base import ShapeKind, params_of
from dnac.semantics import errors_values as errors
from dnac.semantics import words
from dnac.semantics.slots import NumberSlot, WordSlot
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic

Convert = Callable[..., Value]


def schedule(call: ast.Call, slot: object, at: object, convert: Convert) -> Form:
    """The form of a schedule: numbers fit the field that it stands for, pieces come in order of time.

    Raises:
        Wrong: no pieces, an unknown shape, or a piece that ends before the one in front of it.
    """
    if any(a.name is not None for a in call.args):
        named = next(a for a in call.args if a.name is not None)
        raise Wrong(errors.bad_schedule("a schedule takes no named arguments", named.span, _HOW))
    if len(call.args) < 2:
        raise Wrong(errors.bad_schedule("a schedule needs a start and at least one piece", call.span, _HOW))
    first = call.args[0].value
    if isinstance(first, ast.Call) and words.has("shape", first.callee.head.text):
        raise Wrong(errors.bad_schedule("a schedule begins with its first value", first.span, _HOW))
    start = convert(slot, first, at)
    pieces = tuple(_piece(a.value, slot, at, convert) for a in call.args[1:])
    _check_order(call, pieces)
    _check_values(call, start, pieces)
    return Form("schedule", (("start", start), ("pieces", pieces)))


_HOW = "write `schedule(0, linear(1e-3, 2%), cosine(1e-4, 100%))`"


def piece_alone(call: ast.Call) -> Diagnostic:
    """`lr = cosine(...)`: a piece where a whole schedule belongs."""
    return errors.bad_schedule(f"`{call.callee.head.text}` is a piece of a schedule", call.span, _HOW)


def _piece(expr: ast.Expr, slot: object, at: object, convert: Convert) -> Form:
    if isinstance(expr, ast.Call):
        piece = convert(WordSlot("shape"), _without_percent(expr, slot, at, convert), at)
        if isinstance(piece, Form):
            return piece
    if isinstance(expr, ast.Ref):
        raise Wrong(errors.unknown_word("schedule", expr.span.text, expr.span, words.names("shape")))
    raise Wrong(errors.bad_schedule(f"`{expr.span.text}` is not a piece of a schedule", expr.span, _HOW))


def _without_percent(call: ast.Call, slot: object, at: object, convert: Convert) -> ast.Call:
    """Where the field takes `25%`, so does the target of a piece."""
    if not isinstance(slot, NumberSlot) or slot.share is None:
        return call
    own = next((a for i, a in enumerate(call.args) if (a.name.text if a.name else i) in ("target", 0)), None)
    if own is None:
        return call
    value = convert(slot, own.value, at)
    assert isinstance(value, (int, float))  # the slot is of a number, not scheduled
    plain = replace(own, value=ast.Number(value, span=own.value.span))
    return replace(call, args=tuple(plain if a is own else a for a in call.args))


def _check_order(call: ast.Call, pieces: tuple[Form, ...]) -> None:
    """Ends of one unit must rise; ends of different units are compared when the run is known."""
    for before, after, arg in zip(pieces, pieces[1:], call.args[2:], strict=False):
        first, second = ends(before), ends(after)
        if first[0] == second[0] and second[1] < first[1]:
            raise Wrong(errors.bad_schedule("this piece ends before the one in front of it", arg.span, "let ends rise"))


def _check_values(call: ast.Call, start: Value, pieces: tuple[Form, ...]) -> None:
    """Paths that cannot go from the value before to their target."""
    before = start
    for piece, arg in zip(pieces, call.args[1:], strict=True):
        kind: ShapeKind = words.kind("shape", piece.name)
        fault = (
            next(iter(kind.check(params_of(kind, piece), before)), None) if isinstance(before, (int, float)) else None
        )
        if fault is not None:
            raise Wrong(errors.bad_schedule(fault.message, arg.span, fault.help))
        before = piece["target"]


def ends(piece: Form) -> tuple[str, float]:
    """When a piece ends: unit (`steps`, `tokens`, `share`) and number."""
    until = piece["until"]
    if isinstance(until, Form) and isinstance(number := until.args[0][1], (int, float)):
        return until.name, float(number)
    return "share", float(until) if isinstance(until, (int, float)) else 1.0

"""Numbers with their units, and arithmetic on them: exact for integers, and never a silent unit."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

from dnac.semantics import errors_values as errors
from dnac.semantics.wrong import Wrong
from dnac.text.limits import LARGEST_NUMBER
from dnac.text.source import Span


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number; `unit` is "" (plain), "%" (a fraction in hundredths) or "x" (times the width)."""

    value: int | float
    unit: str = ""

    def __str__(self) -> str:
        text = str(self.value) if isinstance(self.value, int) else f"{self.value:.10g}"
        return text + self.unit


def checked(value: int | float, unit: str, span: Span) -> Quantity:
    """The quantity, if its number is finite and within limits."""
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) > LARGEST_NUMBER:
        raise Wrong(errors.number_too_large(span))
    return Quantity(value, unit)


def arithmetic(op: str, left: Quantity, right: Quantity, span: Span) -> Quantity:
    """`left op right` for + - * /.

    Sums need equal units; a product has at most one unit; a quotient keeps the unit of its left
    side, or has none where both sides have the same. Integers stay exact; a quotient of integers
    is an integer where it comes out even.
    """
    if op in "+-":
        if left.unit != right.unit:
            raise Wrong(errors.units_differ(op, str(left), str(right), span))
        total = left.value + right.value if op == "+" else left.value - right.value
        return checked(total, left.unit, span)
    if op == "*":
        if left.unit and right.unit:
            raise Wrong(errors.units_differ(op, str(left), str(right), span))
        return checked(_product(left.value, right.value, span), left.unit or right.unit, span)
    if right.unit and left.unit != right.unit:
        raise Wrong(errors.units_differ(op, str(left), str(right), span))
    if right.value == 0:
        raise Wrong(errors.division_by_zero(span))
    return checked(_quotient(left.value, right.value), "" if right.unit else left.unit, span)


def compare(op: str, left: Quantity, right: Quantity, span: Span) -> bool:
    """`left op right` for < <= == >= >, of equal units."""
    if left.unit != right.unit:
        raise Wrong(errors.units_differ(op, str(left), str(right), span))
    return COMPARE[op](left.value, right.value)


COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


def _product(a: int | float, b: int | float, span: Span) -> int | float:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    try:
        return float(a) * float(b)
    except OverflowError:
        raise Wrong(errors.number_too_large(span)) from None


def _quotient(a: int | float, b: int | float) -> int | float:
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    return a / b

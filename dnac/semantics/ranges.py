"""What pydantic finds wrong with a value, said in the language's own words."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

from dnac.semantics import errors_values as errors
from dnac.text.diagnostic import Diagnostic
from dnac.text.source import Span

_RULES = {
    "greater_than": ("gt", "greater than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
}
_LENGTHS = {
    "too_short": ("min_length", "a list of at least {}"),
    "too_long": ("max_length", "a list of at most {}"),
    "string_too_short": ("min_length", "a text of at least {} characters"),
    "string_too_long": ("max_length", "a text of at most {} characters"),
}
_TYPES = ("finite_number", "int_from_float")


def range_fault(owner: str, key: str, detail: ErrorDetails, span: Span) -> Diagnostic | None:
    """The diagnostic of one finding; None for one that no text should be able to cause."""
    found = _shown(detail.get("input"))
    context: dict[str, Any] = detail.get("ctx") or {}
    for table in (_RULES, _LENGTHS):
        if detail["type"] in table:
            name, rule = table[detail["type"]]
            shown = found if table is _RULES else "too short" if "short" in detail["type"] else "too long"
            return errors.out_of_range(owner, key, shown, rule.format(_shown(context[name])), span)
    if detail["type"] in _TYPES:
        return errors.out_of_range(owner, key, found, "a finite number", span)
    if detail["type"] == "value_error":
        return errors.values_clash(owner, key or owner, str(context["error"]), "", span)
    return None


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)

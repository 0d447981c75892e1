"""`assert`: facts that are proven here, comparisons of values, and quantities that the plan computes."""

from __future__ import annotations

from dnac.semantics import errors_values as errors
from dnac.semantics.draft import Draft
from dnac.semantics.naming import Place
from dnac.semantics.numbers import COMPARE
from dnac.semantics.result import CostAssert
from dnac.semantics.scope import Constant, Datum, Namespace, Scope, Unbuilt
from dnac.semantics.values import describe, evaluate, number
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast

FACTS = ("causal", "row_independent")
QUANTITIES = (
    "params", "params.total", "params.active_min", "params.active_expected", "params.active_max",
    "flops_per_token.min", "flops_per_token.expected", "flops_per_token.max", "routing_steps", "modules", "paths",
)  # fmt: skip
"""What the plan computes, by the names of its JSON; `params` alone is the total."""

_VALUES = (Constant, Namespace, Unbuilt)
"""What may name a value of the file; a net called `paths` does not hide the quantity."""
_MIRRORED = {"<": ">", "<=": ">=", "==": "==", ">=": "<=", ">": "<"}


def assert_statement(statement: ast.Assert, place: Place, draft: Draft) -> None:
    """Note a claim, or decide it at once where it is about values only.

    Raises:
        Wrong: it cannot be decided, or does not hold.
    """
    condition = statement.condition
    text = condition.span.text
    match condition:
        case ast.Ref() if text in FACTS:
            draft.claims.append((text, "", condition.span))
        case ast.Call() if condition.callee.span.text == "not_causal":
            draft.claims.append(("not_causal", _label(condition), condition.span))
        case ast.Binary() if condition.op in COMPARE:
            _comparison(condition, place.scope, draft)
        case _:
            raise Wrong(errors.assert_unknown(text, condition.span, (*FACTS, "not_causal(label)", *QUANTITIES)))


def _label(call: ast.Call) -> str:
    if len(call.args) != 1 or call.args[0].name is not None or not isinstance(call.args[0].value, ast.Ref):
        raise Wrong(errors.assert_unknown(call.span.text, call.span, ("not_causal(label)",)))
    return call.args[0].value.span.text


def _comparison(condition: ast.Binary, scope: Scope, draft: Draft) -> None:
    left, right = _quantity(condition.left, scope), _quantity(condition.right, scope)
    if left and right:
        raise Wrong(errors.assert_unknown(condition.span.text, condition.span, ("params < 50M",)))
    if left or right:
        op = condition.op if left else _MIRRORED[condition.op]
        bound = number(condition.right if left else condition.left, scope)
        if bound.unit:
            raise Wrong(errors.wrong_unit("the bound of an assert", str(bound), "a plain number", condition.span))
        draft.asserts.append(CostAssert(left or right, op, bound.value, condition.span))
    elif evaluate(condition, scope) is not True:
        raise Wrong(errors.assert_false(condition.span.text, condition.span, _found(condition, scope)))


def _found(condition: ast.Binary, scope: Scope) -> str:
    """What the sides come to, where they are not written as numbers."""
    sides = [side for side in (condition.left, condition.right) if not isinstance(side, (ast.Number, ast.String))]
    known = [f"{side.span.text} is {_shown(evaluate(side, scope))}" for side in sides]
    return " and ".join(known) or "is false"


def _shown(datum: Datum) -> str:
    return describe(datum).strip("`")


def _quantity(expr: ast.Expr, scope: Scope) -> str:
    """The quantity that an expression names, or the empty text."""
    if not isinstance(expr, ast.Ref) or isinstance(scope.find(expr.head.text), _VALUES):
        return ""
    if expr.span.text in QUANTITIES:
        return expr.span.text
    if expr.span.text in ("true", "false"):
        return ""
    raise Wrong(errors.assert_unknown(expr.span.text, expr.span, (*QUANTITIES, *scope.visible())))

"""`def module` and `def router`: arguments for formals, and which recipes are one flat module."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from dnac.semantics import errors_values as errors
from dnac.semantics import words
from dnac.semantics.bind import Given, Owner, given
from dnac.semantics.draft import Draft
from dnac.semantics.scope import Constant, Recipe, Scope
from dnac.semantics.values import evaluate_argument, resolve
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span


def recipe_scope(
    recipe: Recipe, args: Sequence[ast.Arg], owner: Owner, address: str, draft: Draft
) -> tuple[Scope, set[str]]:
    """The scope of a recipe's body: its file's names and its formals; and the formals' names.

    Raises:
        Wrong: arguments do not fit; the faults are in the bag.
    """
    formals = recipe.definition.formals
    keys = [f.name.text for f in formals]
    before = draft.bag.errors
    arguments = given(owner, keys, args, draft.bag)
    for key in set(arguments) - set(keys):
        draft.bag.add(errors.unknown_argument(owner.word, key, arguments[key].key_span, keys))
    arguments |= draft.overrides.fields(address, keys)
    scope = Scope(recipe.scope)
    for formal in formals:
        scope.names[formal.name.text] = _formal(formal, arguments.get(formal.name.text), owner, scope, draft)
    if draft.bag.errors > before:
        raise Wrong()
    return scope, set(keys)


def _formal(formal: ast.Formal, argument: Given | None, owner: Owner, scope: Scope, draft: Draft) -> Constant:
    span = formal.name.span
    if argument is None and formal.default is None:
        draft.bag.add(errors.missing_argument(owner.word, formal.name.text, "it has no default", owner.span))
        return Constant(None, span)
    try:
        if argument is not None:
            return Constant(evaluate_argument(argument.value, argument.scope), span)
        return Constant(evaluate_argument(formal.default, scope), span) if formal.default else Constant(None, span)
    except Wrong as wrong:
        wrong.report(draft.bag)
        return Constant(None, span)


def module_of(recipe: Recipe) -> ast.DefModule:
    """The definition of a recipe that is known to be a module's."""
    assert isinstance(recipe.definition, ast.DefModule)
    return recipe.definition


@lru_cache(maxsize=1024)
def least_steps(recipe: Recipe) -> int:
    """How many steps a recipe writes out at least: those of the recipes in it too, each repeat once."""
    return sum(_steps_of(s, recipe.scope) for s in module_of(recipe).body.statements)


def _steps_of(statement: ast.Statement, scope: Scope) -> int:
    match statement:
        case ast.Step(action=ast.Repeat(body=body)) | ast.Step(action=ast.Parallel(body=body)):
            return sum(_steps_of(s, scope) for s in body.statements)
        case ast.Step(action=ast.Apply(value)):
            inner = recipe_named(value, scope)
            return least_steps(inner) if inner is not None else 1
        case _:
            return 1


def recipe_named(value: ast.Call | ast.Ref, scope: Scope) -> Recipe | None:
    """The module recipe that a step names, if it names one."""
    ref = value.callee if isinstance(value, ast.Call) else value
    if (not ref.tail and words.has("module", ref.head.text)) or scope.find(ref.head.text) is None:
        return None
    try:
        entry, _ = resolve(ref, scope)
    except Wrong:
        return None  # whoever elaborates the step will say what is wrong with it
    return entry if isinstance(entry, Recipe) and isinstance(entry.definition, ast.DefModule) else None


def not_flat(recipe: Recipe) -> tuple[str, Span] | None:
    """Why a recipe is not one chain of kinds, with the place; None if it is one."""
    return _why_not_flat(recipe)


@lru_cache(maxsize=1024)
def _why_not_flat(recipe: Recipe) -> tuple[str, Span] | None:
    """Kept for each recipe: recipes that use one another twice would be looked at without end."""
    for statement in module_of(recipe).body.statements:
        if (why := _not_flat(statement, recipe.scope)) is not None:
            return why
    return None


def _not_flat(statement: ast.Statement, scope: Scope) -> tuple[str, Span] | None:
    if not isinstance(statement, ast.Step):
        return f"it declares a {type(statement).__name__.lower().removesuffix('decl')}", statement.span
    match statement.action:
        case ast.Repeat(body=body):
            return next((w for s in body.statements if (w := _not_flat(s, scope)) is not None), None)
        case ast.Apply(value):
            inner = recipe_named(value, scope)
            return not_flat(inner) if inner is not None else None
        case action:
            return f"it holds a `{type(action).__name__.lower()}`", statement.span

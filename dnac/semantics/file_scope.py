"""The names of a file: its params, recipes, nets and used files, with settings from outside applied."""

from __future__ import annotations

from dnac.semantics.files import Unit, alias_of
from dnac.semantics.overrides import Overrides
from dnac.semantics.scope import Constant, Namespace, NetEntry, Recipe, Scope, Unbuilt
from dnac.semantics.values import evaluate
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast
from dnac.text.source import Span


def file_scope(unit: Unit, overrides: Overrides, bag: Ledger, prefix: str = "") -> Scope:
    """The scope of a whole file. Each item sees only what stands above it.

    `prefix` is the name of a used file in paths of settings: `lib.` makes `lib.width` settable.
    """
    scope = Scope()
    later = {item.name.text: item.name.span for item in unit.tree.items if not isinstance(item, (ast.Use, ast.Train))}
    trains = {item.net.text: item for item in reversed(unit.tree.items) if isinstance(item, ast.Train)}
    used = {id(use): (alias, found) for use, alias, found in unit.uses}
    for item in unit.tree.items:
        match item:
            case ast.Use():
                if id(item) in used:
                    _add_file(item, *used[id(item)], scope, overrides, bag)
                else:
                    scope.names.setdefault(alias_of(item), Unbuilt(item.span))
            case ast.Param(name):
                scope.names.setdefault(name.text, _param(item, prefix, _above(scope, later), overrides, bag))
                later.pop(name.text, None)
            case ast.DefModule(name) | ast.DefRouter(name):
                scope.names.setdefault(name.text, Recipe(item, _above(scope, later), name.span))
                later.pop(name.text, None)
            case ast.Net(name) | ast.Derive(name):
                entry = NetEntry(item, _above(scope, later), name.span, trains.get(name.text), scope)
                scope.names.setdefault(name.text, entry)
                later.pop(name.text, None)
            case ast.Train():
                pass
    return scope


def _above(scope: Scope, later: dict[str, Span]) -> Scope:
    """What an item may use: the names above it."""
    return Scope(None, dict(scope.names), dict(later))


def _add_file(use: ast.Use, alias: str, unit: Unit, scope: Scope, overrides: Overrides, bag: Ledger) -> None:
    inner = file_scope(unit, overrides, bag, f"{alias}.")
    known = scope.names.get(alias)
    if isinstance(known, Namespace):  # a second file of std/ joins the first
        inner = Scope(None, {**known.scope.names, **inner.names})
    scope.names[alias] = Namespace(inner, (use.alias or use.path).span)


def _param(item: ast.Param, prefix: str, scope: Scope, overrides: Overrides, bag: Ledger) -> Constant:
    instead = overrides.whole(prefix + item.name.text)
    try:
        if instead is not None:
            return Constant(evaluate(instead.value, instead.scope), item.name.span)
        return Constant(evaluate(item.value, scope), item.name.span)
    except Wrong as wrong:
        wrong.report(bag)
        return Constant(None, item.name.span)

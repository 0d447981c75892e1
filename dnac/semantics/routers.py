"""The text of a router to its fields: settings in place, a declared router, or a `def router`."""

from __future__ import annotations

from dataclasses import dataclass

from dnac.kinds.router import RouterParams
from dnac.semantics import errors_names, errors_values, words
from dnac.semantics import errors_routing as errors
from dnac.semantics.bind import Bound, Given, Owner, bind
from dnac.semantics.draft import Draft
from dnac.semantics.naming import last_word
from dnac.semantics.recipes import recipe_scope
from dnac.semantics.scope import Entry, Recipe, RouterEntry, Scope, sort_of
from dnac.semantics.values import resolve
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast
from dnac.text.source import Span

FIELDS = tuple(RouterParams.model_fields)


@dataclass(frozen=True)
class RouterText:
    """A router as written: its canonical name, and its settings not yet bound to a pool."""

    name: str
    settings: dict[str, Given]
    span: Span


def router_text(by: ast.Ref | ast.Call | ast.Settings, site: str, scope: Scope, draft: Draft) -> RouterText:
    """What stands behind `by`. In place it is named after its site; a declared one has its own name.

    Raises:
        Wrong: no router stands there.
    """
    if isinstance(by, ast.Ref):
        entry, _ = resolve(by, scope)
        if isinstance(entry, RouterEntry):
            value = entry.declaration.value
            return RouterText(entry.name, _settings(value, entry.name, entry.scope, draft), entry.span)
    return RouterText(site, _settings(by, site, scope, draft), _head(by))


def bind_router(text: RouterText, members: tuple[str, ...], scope: Scope, draft: Draft) -> Bound:
    """Validated router fields over a pool with these members.

    Raises:
        Wrong: faults, which are in the bag.
    """
    owner = Owner("router", text.span, scope, draft.width, members)
    bound = bind(owner, RouterParams, text.settings, draft.bag)
    if bound is None:
        raise Wrong()
    return bound


def collect(settings: ast.Settings, owner: str, scope: Scope, bag: Ledger) -> dict[str, Given]:
    """`{ a = 1; b = 2 }` by key; dotted keys have no meaning inside a block."""
    found = dict[str, Given]()
    for entry in settings.entries:
        key = entry.target.span.text if entry.target.tail else entry.target.head.text
        if key in found:
            bag.add(errors_values.argument_twice(owner, key, entry.target.span, found[key].key_span))
        else:
            found[key] = Given(entry.value, scope, entry.target.span)
    return found


def _settings(value: ast.Ref | ast.Call | ast.Settings, address: str, scope: Scope, draft: Draft) -> dict[str, Given]:
    formals = set[str]()
    if isinstance(value, ast.Settings):
        settings = collect(value, "router", scope, draft.bag)
    else:
        settings, formals = _preset(value, address, scope, draft)
    outside = draft.overrides.fields(address, FIELDS)
    return settings | {k: g for k, g in outside.items() if k not in formals}


def _preset(value: ast.Ref | ast.Call, address: str, scope: Scope, draft: Draft) -> tuple[dict[str, Given], set[str]]:
    ref = value.callee if isinstance(value, ast.Call) else value
    if scope.find(ref.head.text) is None and words.has("choose", ref.head.text):
        raise Wrong(errors.choice_without_router(ref.span, value.span.text))
    entry, tail = resolve(ref, scope)
    definition = _recipe(entry, ref, bool(tail))
    args = value.args if isinstance(value, ast.Call) else ()
    owner = Owner(last_word(value), value.span, scope, draft.width)
    assert isinstance(entry, Recipe)
    inner, formals = recipe_scope(entry, args, owner, address, draft)
    return collect(definition.body, "router", inner, draft.bag), formals


def _recipe(entry: Entry, ref: ast.Ref, has_tail: bool) -> ast.DefRouter:
    if isinstance(entry, RouterEntry):
        raise Wrong(errors_names.wrong_sort(ref.span, "a declared router", "a `def router`", entry.span))
    if has_tail or not isinstance(entry, Recipe) or not isinstance(entry.definition, ast.DefRouter):
        raise Wrong(errors.not_a_router(ref.span, sort_of(entry)))
    return entry.definition


def _head(by: ast.Ref | ast.Call | ast.Settings) -> Span:
    """The place to point at when a field of the router is missing: not the whole block."""
    if isinstance(by, ast.Settings):
        return Span(by.span.source, by.span.start, by.span.start + 1)
    return by.span

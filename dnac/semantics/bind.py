"""Call arguments or settings to validated `Params`: the one way from text to any kind's arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dnac.ir.form import Form, Value
from dnac.kinds.params import Params
from dnac.semantics import errors_values as errors
from dnac.semantics import words
from dnac.semantics.convert import Field, convert, words_of
from dnac.semantics.ranges import range_fault
from dnac.semantics.scope import Scope
from dnac.semantics.slots import Slot, describe, slots_of
from dnac.semantics.sums import parts
from dnac.semantics.wrong import Ledger, Wrong
from dnac.syntax import ast
from dnac.text.diagnostic import Diagnostic, InternalError
from dnac.text.elsewhere import ARGUMENTS
from dnac.text.source import Span
from dnac.text.suggest import nearest


@dataclass(frozen=True, slots=True)
class Given:
    """One argument as written: its value, the scope it was written in, and the place of its key."""

    value: ast.Expr
    scope: Scope
    key_span: Span


@dataclass(frozen=True)
class Owner:
    """Whose arguments they are: the word, where it stands, and what its fields may know."""

    word: str
    span: Span
    scope: Scope
    width: int | None = None
    members: tuple[str, ...] | None = None
    place: Scope | None = None
    """Of a nested word: where the field stands that it is for. Else that is `scope`."""


@dataclass(frozen=True)
class Bound:
    """Validated params, and the place of each argument that was given."""

    params: Any
    spans: Mapping[str, Span]
    items: Mapping[str, tuple[Span, ...]] = field(default_factory=dict[str, tuple[Span, ...]])
    """Places of the items of each argument that was written as a list or a sum."""

    def at(self, field: str, otherwise: Span) -> Span:
        """Where a field was given, else `otherwise`."""
        return self.spans.get(field, otherwise)

    def at_item(self, field: str, number: int, otherwise: Span) -> Span:
        """Where one item of a list was given; the whole field where it is no list in place."""
        items = self.items.get(field, ())
        return items[number] if number < len(items) else self.at(field, otherwise)


def given(owner: Owner, fields: Sequence[str], args: Sequence[ast.Arg], bag: Ledger) -> dict[str, Given]:
    """Arguments by field name. Positional ones follow the order of `fields`."""
    found = dict[str, Given]()
    named = False
    for place, arg in enumerate(args):
        if arg.name is None:
            if named:
                bag.add(errors.positional_after_named(owner.word, arg.span))
                break
            if place >= len(fields):
                bag.add(errors.too_many_arguments(owner.word, len(fields), arg.span, fields))
                break
            found[fields[place]] = Given(arg.value, owner.scope, arg.span)
            continue
        named = True
        key = arg.name.text
        if key in found:
            bag.add(errors.argument_twice(owner.word, key, arg.name.span, found[key].key_span))
            continue
        found[key] = Given(arg.value, owner.scope, arg.name.span)
    return found


def bind(
    owner: Owner,
    params: type[Params],
    arguments: Mapping[str, Given],
    bag: Ledger,
    defaults: Mapping[str, Value] | None = None,
) -> Bound | None:
    """Validated params of a word, or None with the faults in the bag.

    `defaults` stand in for fields that are not given (members of a pool with its own norm).
    """
    slots, before = slots_of(params), bag.errors
    found: dict[str, Value] = {k: v for k, v in (defaults or {}).items() if k in slots and k not in arguments}
    lacks = (key for key, info in params.model_fields.items() if info.is_required() and key not in arguments)
    missing = [key for key in lacks if key not in found]
    # a bare argument that does not fit where another is missing stands in the wrong place: one fault, not two
    shifted = {key for key, each in arguments.items() if missing and each.key_span == each.value.span}
    failed = set[str]()
    for key, argument in arguments.items():
        try:
            found |= _converted(owner, key, argument, slots, bag)
        except Wrong as wrong:
            failed.add(key)
            (_in_order(wrong, owner, params, missing[0]) if key in shifted else wrong).report(bag)
    if not (failed and shifted):
        _tell_missing(owner, missing, arguments, slots, bag)
    spans = {key: argument.value.span for key, argument in arguments.items()}
    if failed or bag.errors > before:
        _ranges(owner, params, found, spans, bag)
        return None
    bound = _validated(owner, params, found, spans, bag)
    return None if bound is None else replace(bound, items=_items(arguments))


def _converted(owner: Owner, key: str, argument: Given, slots: Mapping[str, Slot], bag: Ledger) -> dict[str, Value]:
    """The value of one argument by its key; of an unknown key nothing, with the fault in the bag.

    Raises:
        Wrong: the value does not fit.
    """
    if key not in slots:
        bag.add(_unknown_key(owner, key, argument, tuple(slots)))
        return {}
    place = owner.place or owner.scope
    at = Field(owner.word, key, argument.scope, owner.width, owner.members, _nested(bag), place)
    return {key: convert(slots[key], argument.value, at)}


def _tell_missing(
    owner: Owner, missing: Sequence[str], arguments: Mapping[str, Given], slots: Mapping[str, Slot], bag: Ledger
) -> None:
    """Faults of what is not given, but for what a misspelt key may mean."""
    strange = [key for key in arguments if key not in slots]
    meant = {nearest(key, slots) for key in strange} | {ARGUMENTS.get(key, ("",))[0] for key in strange}
    for key in (key for key in missing if key not in meant):
        bag.add(errors.missing_argument(owner.word, key, describe(slots[key]), owner.span, words_of(slots[key])))


def _in_order(wrong: Wrong, owner: Owner, params: type[Params], missing: str) -> Wrong:
    """The fault of a bare argument, with the order in which the word takes them."""
    order = errors.order_of_arguments(owner.word, tuple(params.model_fields), missing)
    return Wrong(*(replace(d, help=order) if d.code == "DNA303" else d for d in wrong.diagnostics))


def bind_word(catalogue: str, word: str, args: Sequence[ast.Arg], owner: Owner, bag: Ledger) -> Form | None:
    """A word of a catalogue with its arguments, as a complete form; None with the faults in the bag."""
    kind = words.kind(catalogue, word)
    owner = replace(owner, word=word)
    before = bag.errors
    arguments = given(owner, tuple(kind.Params.model_fields), args, bag)
    bound = bind(owner, kind.Params, arguments, bag)
    if bound is None or bag.errors > before:
        return None
    return bound.params.form(word)


def _items(arguments: Mapping[str, Given]) -> dict[str, tuple[Span, ...]]:
    return {key: tuple(part.span for part in parts(a.value)) for key, a in arguments.items()}


def _nested(bag: Ledger) -> Any:
    def call(catalogue: str, word: str, args: tuple[ast.Arg, ...], span: Span, at: Field) -> Form:
        inner = Ledger()
        form = bind_word(catalogue, word, args, Owner(word, span, at.scope, at.width, at.members, at.place), inner)
        if form is None:
            raise Wrong(*inner.items)
        return form

    return call


def _unknown_key(owner: Owner, key: str, argument: Given, known: Sequence[str]) -> Diagnostic:
    why = words.planned("argument", f"{owner.word}.{key}") or words.planned(owner.word, key)
    if why is not None:
        return errors.unsupported(f"`{key}` of `{owner.word}`", argument.key_span, why)
    return errors.unknown_argument(owner.word, key, argument.key_span, known)


def _validated(
    owner: Owner, params: type[Params], found: dict[str, Value], spans: Mapping[str, Span], bag: Ledger
) -> Bound | None:
    try:
        return Bound(params(**found), spans)
    except ValidationError as invalid:
        # a number out of range where a form or a word may stand too fails both ways; the range can be mended
        found_faults = [detail for detail in invalid.errors() if detail["type"] not in _OF_ANOTHER_SORT]
        for detail in found_faults or invalid.errors():
            bag.add(_range(owner, detail, spans))
        return None


_OF_ANOTHER_SORT = ("is_instance_of", "literal_error")
"""What pydantic says of a value of a sort that may stand beside the one that was given."""


def _ranges(
    owner: Owner, params: type[Params], found: dict[str, Value], spans: Mapping[str, Span], bag: Ledger
) -> None:
    """Values out of range beside other faults; what is missing has been told."""
    try:
        params(**found)
    except ValidationError as invalid:
        told = [detail for detail in invalid.errors() if detail["type"] not in ("missing", *_OF_ANOTHER_SORT)]
        for detail in told:
            bag.add(_range(owner, detail, spans))


def _range(owner: Owner, detail: ErrorDetails, spans: Mapping[str, Span]) -> Diagnostic:
    """Pydantic's finding in our words, at the place of the field."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    fault = range_fault(owner.word, key, detail, spans.get(key, owner.span))
    if fault is None:
        raise InternalError("semantics.bind", f"{owner.word}.{key}: {detail['type']}")
    return fault

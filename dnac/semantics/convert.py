"""One expression to what one field wants: the rules by which a word, a number or a list fits a slot.

A word is first the field's own value, then a member of the routed pool, then a name in scope. A param or formal that is
called as one of the field's own words, and could stand there too, is a fault of that place: no reader could tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dnac.ir.form import Form, Value
from dnac.semantics import errors_names, errors_shapes, sums, values, words
from dnac.semantics import errors_values as errors
from dnac.semantics.errors_halting import not_a_tap
from dnac.semantics.numbers import Quantity
from dnac.semantics.schedules import piece_alone, schedule
from dnac.semantics.scope import Constant, Datum, Scope, SharedEntry, Thunk
from dnac.semantics.slots import (
    ChoiceSlot,
    EitherSlot,
    EmbedSlot,
    FlagSlot,
    HeadSlot,
    ListSlot,
    MemberSlot,
    NoneSlot,
    NumberSlot,
    Slot,
    TextSlot,
    WordSlot,
    describe,
)
from dnac.semantics.wrong import Wrong
from dnac.syntax import ast
from dnac.text.source import Span
from dnac.text.suggest import nearest


@dataclass(frozen=True)
class Field:
    """Where a value goes: for messages, and for what the place knows."""

    owner: str
    key: str
    scope: Scope
    width: int | None = None
    """The stream's width, for `4x`."""
    members: tuple[str, ...] | None = None
    """Names of the routed pool's groups."""
    call: Callable[[str, str, tuple[ast.Arg, ...], Span, Field], Form] | None = field(default=None, repr=False)
    """Binds a nested word: (catalogue, word, arguments, span, this field)."""
    place: Scope | None = None
    """Where the field stands, which may not be where its value is written: `with { way.score = confidence(lm) }`."""

    def inside(self, scope: Scope) -> Field:
        """The same field, for an expression that stands in another scope."""
        return replace(self, scope=scope)


def convert(slot: Slot, expr: ast.Expr, at: Field) -> Value:
    """The value of an expression for a slot.

    Raises:
        Wrong: it does not fit.
    """
    match slot:
        case WordSlot(catalogue):
            return _word(catalogue, expr, at)
        case NumberSlot():
            return _number(slot, expr, at)
        case ListSlot():
            return _list(slot, expr, at)
        case EitherSlot(options):
            return _either(slot, options, expr, at)
        case ChoiceSlot(own):
            return _own_word(slot, own, expr, at)
        case MemberSlot():
            return _own_word(slot, at.members or (), expr, at)
        case FlagSlot() | TextSlot() | EmbedSlot() | HeadSlot() | NoneSlot():
            return _simple(slot, expr, at)


def plain_word(expr: ast.Expr) -> str | None:
    """The text of an expression that is a bare word."""
    return expr.head.text if isinstance(expr, ast.Ref) and not expr.tail else None


def through_names(expr: ast.Expr, at: Field) -> tuple[ast.Expr, Field] | None:
    """What a param or formal stands for, if it stands for a word: the word, and where it was written."""
    if not isinstance(expr, ast.Ref) or at.scope.find(expr.head.text) is None:
        return None
    entry, tail = values.resolve(expr, at.scope)
    if isinstance(entry, Constant) and entry.datum is None:
        raise Wrong()  # its own fault has been told
    if isinstance(entry, Constant) and isinstance(entry.datum, Thunk) and not tail:
        return entry.datum.expr, at.inside(entry.datum.scope)
    return None


def _refuse_two_meanings(expr: ast.Expr, at: Field, *, takes_numbers: bool = False) -> None:
    """A bare word of the field's own must not name a value of the file that would fit there too.

    Raises:
        Wrong: it does.
    """
    text = plain_word(expr)
    entry = at.scope.find(text) if text is not None else None
    if isinstance(entry, Constant) and (takes_numbers or not isinstance(entry.datum, Quantity)):
        raise Wrong(errors_names.two_meanings(expr.span, at.key, entry.span))


def _wrong_type(
    slot: Slot, found: str, expr: ast.Expr, at: Field, beside: Sequence[str] = (), near: str | None = None
) -> Wrong:
    """`beside`: words that would do among other things; `near`: what may be meant."""
    known = words_of(slot)
    if isinstance(slot, ListSlot) and not slot.open and isinstance(expr, ast.Number):  # `image(32, ...)`
        near = f"[{', '.join([expr.span.text] * len(slot.items))}]"
    near = near or nearest(plain_word(expr) or "", beside)
    return Wrong(errors.wrong_type(at.owner, at.key, found, describe(slot), expr.span, known, near))


def words_of(slot: Slot) -> tuple[str, ...]:
    """The words of a slot that takes those of one catalogue; none where `describe` has a phrase for it."""
    return words.names(slot.catalogue) if isinstance(slot, WordSlot) and slot.catalogue not in _LONG else ()


_LONG = ("amount", "dataset", "module", "tokenizer")
"""Catalogues that `describe` has a phrase for."""


def _word(catalogue: str, expr: ast.Expr, at: Field) -> Form:
    if catalogue == "read" and isinstance(expr, ast.ListExpr):
        return _read_list(expr, at)
    ref = expr.callee if isinstance(expr, ast.Call) else expr
    if not isinstance(ref, ast.Ref):
        datum = values.evaluate(expr, at.scope)
        # a bare number of an amount lacks its unit
        is_count = catalogue == "amount" and isinstance(expr, ast.Number)
        meant = f"{'sequences' if at.key == 'batch' else 'steps'}({expr.span.text})" if is_count else None
        if catalogue == "activation" and isinstance(expr, ast.Number):  # `mlp(4x)`
            meant = f"gelu, {expr.span.text}"
        raise _wrong_type(WordSlot(catalogue), values.describe(datum), expr, at, near=meant)
    text = ref.head.text
    if not ref.tail and words.has(catalogue, text) and at.call is not None:
        _refuse_two_meanings(expr, at)
        return at.call(catalogue, text, expr.args if isinstance(expr, ast.Call) else (), expr.span, at)
    named = through_names(expr, at)
    if named is not None:
        return _word(catalogue, *named)
    why = words.planned(catalogue, text)
    if why is not None and not ref.tail:
        raise Wrong(errors.unsupported(f"`{at.key} = {text}`", ref.span, why))
    if at.scope.find(text) is not None:
        raise _wrong_type(WordSlot(catalogue), f"`{ref.span.text}`", expr, at)
    raise Wrong(errors.unknown_word(at.key, ref.span.text, ref.span, words.names(catalogue)))


def _read_list(expr: ast.ListExpr, at: Field) -> Form:
    """`[h, step, last]`: several views side by side, each once, and one stream at most."""
    found = list[Form]()
    for item in expr.items:
        view = _view(item, at)
        streams = [f for f in (*found, view) if f.name in ("raw_stream", "normed")]
        if view.name in (f.name for f in found) or view.name == "joined" or len(streams) > 1:
            message = "each view stands there once, and one stream at most (`h` or `normed`)"
            raise Wrong(errors.values_clash(at.owner, at.key, message, "write `read = [h, step, last]`", item.span))
        found.append(view)
    if not found:
        raise Wrong(errors.field_sum("`read` names no view", expr.span, "write `read = [h]`"))
    return found[0] if len(found) == 1 else Form("joined", (("views", tuple(found)),))


def _view(item: ast.Expr, at: Field) -> Form:
    ref = item.callee if isinstance(item, ast.Call) else item
    text = ref.head.text if isinstance(ref, ast.Ref) else ref.span.text
    if text == "h":
        return Form("raw_stream")
    why = words.planned("read", text)
    if why is not None:
        raise Wrong(errors.unsupported(f"a router that reads `{text}`", item.span, why))
    if not words.has("read", text):
        known = ("h", *(name for name in words.names("read") if name not in ("raw_stream", "joined")))
        raise Wrong(errors.unknown_word(at.key, text, item.span, known))
    return _word("read", item, at)


def _number(slot: NumberSlot, expr: ast.Expr, at: Field) -> Value:
    named = through_names(expr, at)
    if named is not None:
        expr, at = named
    if isinstance(expr, ast.Call) and expr.callee.head.text == "schedule":
        if not slot.scheduled:
            raise _wrong_type(slot, "a schedule", expr, at)
        return schedule(expr, NumberSlot(slot.whole, share=slot.share), at, convert)
    if isinstance(expr, ast.Call) and slot.scheduled and words.has("shape", expr.callee.head.text):
        raise Wrong(piece_alone(expr))
    datum = values.evaluate(expr, at.scope)
    if not isinstance(datum, Quantity):
        raise _misfit(slot, datum, expr, at)
    value = _without_unit(slot, datum, expr, at)
    if not slot.whole:
        return float(value)
    if not isinstance(value, int):
        raise Wrong(errors.not_whole(f"`{at.key}` of `{at.owner}`", str(datum), expr.span))
    return value


def _without_unit(slot: NumberSlot, quantity: Quantity, expr: ast.Expr, at: Field) -> int | float:
    what = f"`{at.key}` of `{at.owner}`"
    if quantity.unit == "%":
        if slot.share is None:
            raise Wrong(errors.wrong_unit(what, str(quantity), describe(slot), expr.span))
        return quantity.value / 100
    if quantity.unit == "x":
        if not slot.size:
            raise Wrong(errors.wrong_unit(what, str(quantity), describe(slot), expr.span))
        return _times_width(quantity, expr, at)
    if slot.share is not None and quantity.value > 1:
        in_percent = quantity.value <= 100
        raise Wrong(errors.share_without_percent(what, str(quantity), slot.share, expr.span, is_percent=in_percent))
    return quantity.value


def _times_width(quantity: Quantity, expr: ast.Expr, at: Field) -> int:
    if at.width is None:
        return 1  # the embed has faults of its own; any size will do to look at the rest
    product = quantity.value * at.width
    if product != int(product):
        what = f"`{at.key}` of `{at.owner}` ({quantity} of width {at.width})"
        raise Wrong(errors.not_whole(what, str(Quantity(product)), expr.span))
    return int(product)


def _list(slot: ListSlot, expr: ast.Expr, at: Field) -> Value:
    if slot.items[0] == WordSlot("loss"):
        return sums.terms(expr, at.scope, lambda term: _word("loss", term, at))
    given = _items(expr, at)
    if given is None:
        named = through_names(expr, at)
        if named is not None:
            return _list(slot, *named)
        if not slot.open:
            raise _wrong_type(slot, f"`{expr.span.text}`", expr, at)
        return (convert(slot.items[0], expr, at),)
    if slot.open:
        slots = slot.items * len(given)
    elif len(slot.items) != len(given):
        message = f"`{at.key}` of `{at.owner}` holds {len(slot.items)} values, and this has {len(given)}"
        raise Wrong(errors.field_sum(message, expr.span, f"give {describe(slot)}"))
    else:
        slots = slot.items
    items, faults = list[Value](), list[Wrong]()
    for inner, item in zip(slots, given, strict=True):
        try:
            items.append(convert(inner, *item))
        except Wrong as wrong:
            faults.append(wrong)
    if faults:
        raise Wrong(*(d for wrong in faults for d in wrong.diagnostics))
    return tuple(items)


def _items(expr: ast.Expr, at: Field) -> list[tuple[ast.Expr, Field]] | None:
    """The items of a list, or of a param or formal that holds one, each with the place it was written in."""
    if isinstance(expr, ast.ListExpr):
        return [(item, at) for item in expr.items]
    if not isinstance(expr, ast.Ref) or at.scope.find(expr.head.text) is None:
        return None
    entry, _ = values.resolve(expr, at.scope)
    datum = values.evaluate(expr, at.scope) if isinstance(entry, Constant) else None
    return [_written(item, expr, at) for item in datum] if isinstance(datum, tuple) else None


def _written(item: Datum, whole: ast.Expr, at: Field) -> tuple[ast.Expr, Field]:
    """One item of an evaluated list as an expression again."""
    match item:
        case Thunk(expr, scope):
            return expr, at.inside(scope)
        case Quantity():
            return ast.Number(item.value, item.unit, span=whole.span), at
        case bool():
            return ast.Ref(ast.Name(str(item).lower(), span=whole.span), span=whole.span), at
        case str():
            return ast.String(item, span=whole.span), at
        case tuple():
            raise Wrong(errors.wrong_type(at.owner, at.key, "a list of lists", "a list of values", whole.span))


def _either(slot: Slot, options: tuple[Slot, ...], expr: ast.Expr, at: Field) -> Value:
    """The first option that fits. The fault shown is that of the option the text looks like."""
    if plain_word(expr) == "none" and NoneSlot() in options:
        return None
    rest = [o for o in options if not isinstance(o, NoneSlot)]
    if plain_word(expr) in [word for option in rest for word in _fitting(option)]:
        _refuse_two_meanings(expr, at, takes_numbers=any(isinstance(option, NumberSlot) for option in rest))
    named = through_names(expr, at)
    if named is not None:
        return _either(slot, options, *named)
    if WordSlot("amount") in rest and isinstance(expr, ast.Number) and not expr.unit and expr.value > 1:
        raise _wrong_type(slot, f"`{expr.span.text}`", expr, at, near=f"steps({expr.span.text})")
    faults = list[Wrong]()
    for option in rest:
        try:
            return convert(option, expr, at)
        except Wrong as wrong:
            faults.append(wrong)
    if len(rest) == 1:
        raise faults[0]
    telling = [f for f in faults if all(d.code not in ("DNA303", "DNA308", "DNA313", "DNA201") for d in f.diagnostics)]
    if telling:
        raise telling[0]
    raise _wrong_type(slot, f"`{expr.span.text}`", expr, at, tuple(w for o in options for w in _fitting(o)))


def _fitting(slot: Slot) -> tuple[str, ...]:
    """Words that fit by themselves."""
    match slot:
        case ChoiceSlot(own):
            return own
        case WordSlot(catalogue):
            return words.names(catalogue)
        case NoneSlot():
            return ("none",)
        case _:
            return ()


def _own_word(slot: Slot, own: tuple[str, ...], expr: ast.Expr, at: Field) -> Value:
    text = expr.value if isinstance(expr, ast.String) and isinstance(slot, ChoiceSlot) else plain_word(expr)
    if text is not None and text in own:
        if isinstance(slot, ChoiceSlot):
            _refuse_two_meanings(expr, at)
        return text
    named = through_names(expr, at)
    if named is not None:
        return _own_word(slot, own, *named)
    if text is None:
        raise _wrong_type(slot, f"`{expr.span.text}`", expr, at)
    why = words.planned(at.key, text)
    if why is not None:
        raise Wrong(errors.unsupported(f"`{at.key} = {text}`", expr.span, why))
    raise Wrong(errors.unknown_word(at.key, text, expr.span, own))


def _simple(slot: Slot, expr: ast.Expr, at: Field) -> Value:
    if isinstance(slot, NoneSlot):
        if plain_word(expr) == "none":
            return None
        raise _wrong_type(slot, f"`{expr.span.text}`", expr, at)
    if isinstance(slot, EmbedSlot):
        return _embed_name(expr, at)
    if isinstance(slot, HeadSlot):
        return _head_name(expr, at)
    if (text := plain_word(expr)) is not None and values.is_strange(text, at.scope):
        if isinstance(slot, FlagSlot):
            raise Wrong(errors.unknown_word(at.key, text, expr.span, ("true", "false")))
        raise _wrong_type(slot, f"`{text}`", expr, at, near=f'"{text}"')
    datum = values.evaluate(expr, at.scope)
    if isinstance(datum, bool if isinstance(slot, FlagSlot) else str):
        return datum  # type: ignore[return-value]
    raise _misfit(slot, datum, expr, at)


def _head_name(expr: ast.Expr, at: Field) -> str:
    known = _shared("head", at)
    if (text := plain_word(expr)) in known:
        return known[text]
    raise Wrong(not_a_tap(f"`{expr.span.text}`", list(known.values()), expr.span))


def _embed_name(expr: ast.Expr, at: Field) -> str:
    known = _shared("embed", at)
    if (text := plain_word(expr)) in known:
        return known[text]
    raise Wrong(errors_shapes.tied_to_nothing(expr.span, list(known.values())))


def _shared(role: str, at: Field) -> dict[str | None, str]:
    """Embeds or heads that are declared where the field stands, or its value is written, by how they are called."""
    scopes = [scope for scope in (at.place, at.scope) if scope is not None]
    entries = {name: scope.find(name) for scope in scopes for name in scope.visible()}
    return {name: e.name for name, e in entries.items() if isinstance(e, SharedEntry) and e.role == role}


def _misfit(slot: Slot, datum: Datum, expr: ast.Expr, at: Field) -> Wrong:
    """A value of the wrong sort; a word gets the fault of an unknown word."""
    if isinstance(datum, Thunk) and (text := plain_word(datum.expr)) is not None and isinstance(slot, FlagSlot):
        return Wrong(errors.unknown_word(at.key, text, expr.span, ("true", "false")))
    return _wrong_type(slot, values.describe(datum), expr, at)

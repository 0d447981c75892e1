"""What a Params field wants, read from its annotation: the one bridge between pydantic and the text.

`Annotated[Form, From("gate")]` becomes `WordSlot("gate")`, `tuple[X, ...]` a `ListSlot`, `X | None`
a slot that also takes `none`, and so on. `semantics.convert` turns text into what a slot wants.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from dnac.ir.form import Form
from dnac.kinds.params import EmbedName, From, HeadName, MemberName, Params, Scheduled, ShareUnit, SizeUnit
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True, slots=True)
class WordSlot:
    """A word of a catalogue, with or without arguments, as a `Form`."""

    catalogue: str


@dataclass(frozen=True, slots=True)
class NumberSlot:
    """A number: whole or real; `share` names the whole of a `%`; `size` allows `x`."""

    whole: bool
    size: bool = False
    share: str | None = None
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class TextSlot:
    """A quoted text."""


@dataclass(frozen=True, slots=True)
class FlagSlot:
    """`true` or `false`."""


@dataclass(frozen=True, slots=True)
class ChoiceSlot:
    """One of a few words that take no arguments."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberSlot:
    """The name of a member group of the routed pool."""


@dataclass(frozen=True, slots=True)
class EmbedSlot:
    """The name of the net's embed."""


@dataclass(frozen=True, slots=True)
class HeadSlot:
    """The name of the net's head."""


@dataclass(frozen=True, slots=True)
class NoneSlot:
    """The word `none`, for nothing at all."""


@dataclass(frozen=True, slots=True)
class ListSlot:
    """A list: of one make and any length, or with one slot for each place."""

    items: tuple[Slot, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class EitherSlot:
    """One of several; the first that fits is taken."""

    options: tuple[Slot, ...]


Slot = (
    WordSlot
    | NumberSlot
    | TextSlot
    | FlagSlot
    | ChoiceSlot
    | MemberSlot
    | EmbedSlot
    | HeadSlot
    | NoneSlot
    | ListSlot
    | EitherSlot
)


@cache
def slots_of(params: type[Params]) -> dict[str, Slot]:
    """The slot of each field, in the order of the fields."""
    return {name: _of_field(name, field) for name, field in params.model_fields.items()}


def describe(slot: Slot) -> str:
    """What a slot takes, in the user's words: "a whole number", "a word for `gate`"."""
    match slot:
        case WordSlot(catalogue):
            return _WORDS.get(catalogue, f"a word for `{catalogue}`")
        case NumberSlot():
            return _describe_number(slot)
        case ChoiceSlot(words):
            return " or ".join(f"`{w}`" for w in words)
        case ListSlot(items, is_open):
            return _describe_list(items, is_open)
        case EitherSlot(options):
            return " or ".join(describe(o) for o in options)
        case TextSlot() | FlagSlot() | MemberSlot() | EmbedSlot() | HeadSlot() | NoneSlot():
            return _PLAIN[type(slot)]


def literal_words(slot: Slot) -> tuple[str, ...]:
    """The words of a slot that are its own and of no catalogue."""
    match slot:
        case ChoiceSlot(words):
            return words
        case EitherSlot(parts) | ListSlot(parts, _):
            return tuple(w for p in parts for w in literal_words(p))
        case _:
            return ()


_WORDS = {
    "amount": "an amount such as `steps(100)`, `tokens(1M)` or `sequences(8)`",
    "dataset": "a data set",
    "module": "a module kind",
    "tokenizer": "a tokenizer",
}


_PLAIN: dict[type[object], str] = {
    TextSlot: "a quoted text",
    FlagSlot: "`true` or `false`",
    MemberSlot: "the name of a member",
    EmbedSlot: "the name of the embed",
    HeadSlot: "the name of a head",
    NoneSlot: "`none`",
}


def _describe_list(items: tuple[Slot, ...], is_open: bool) -> str:
    if is_open:
        return f"a list, each item {describe(items[0])}"
    if set(items) == {NumberSlot(True)}:
        return f"a list of {len(items)} whole numbers, such as `[{', '.join(['8'] * len(items))}]`"
    return f"a list of {len(items)}: " + ", ".join(describe(i) for i in items)


def _describe_number(slot: NumberSlot) -> str:
    text = "a whole number" if slot.whole else "a number"
    if slot.share:
        text += f" or a share such as `25%` (of {slot.share})"
    if slot.size:
        text += " or a multiple of the width such as `4x`"
    return text + (" or a schedule" if slot.scheduled else "")


def _of_field(name: str, field: FieldInfo) -> Slot:
    slot = _of_type(field.annotation, tuple(field.metadata))
    if slot is None:
        raise InternalError("semantics.slots", f"field {name} has a type that no text can give: {field.annotation}")
    return slot


def _of_type(hint: Any, marks: tuple[Any, ...]) -> Slot | None:
    if get_origin(hint) is Annotated:
        hint, *inner = get_args(hint)
        return _of_type(hint, (*inner, *marks))
    if get_origin(hint) in (Union, types.UnionType):
        return _of_union(get_args(hint), marks)
    if get_origin(hint) is Literal:
        return ChoiceSlot(tuple(str(a) for a in get_args(hint)))
    if get_origin(hint) is tuple:
        return _of_tuple(get_args(hint), marks)
    return _of_plain(hint, marks)


def _of_union(options: tuple[Any, ...], marks: tuple[Any, ...]) -> Slot | None:
    if any(isinstance(m, Scheduled) for m in marks):
        options = tuple(o for o in options if o is not Form)
    slots = tuple(s for o in options if (s := _of_type(o, marks)) is not None)
    return slots[0] if len(slots) == 1 else EitherSlot(slots) if slots else None


def _of_tuple(items: tuple[Any, ...], marks: tuple[Any, ...]) -> Slot | None:
    is_open = len(items) == 2 and items[1] is Ellipsis
    slots = tuple(s for i in (items[:1] if is_open else items) if (s := _of_type(i, marks)) is not None)
    return ListSlot(slots, is_open) if slots else None


def _of_plain(hint: Any, marks: tuple[Any, ...]) -> Slot | None:
    share = next((m.of for m in marks if isinstance(m, ShareUnit)), None)
    if hint is bool:
        return FlagSlot()
    if hint in (int, float):
        size = any(isinstance(m, SizeUnit) for m in marks)
        scheduled = any(isinstance(m, Scheduled) for m in marks)
        return NumberSlot(hint is int, size, share, scheduled)
    if hint is str:
        return _of_text(marks)
    if hint is type(None):
        return NoneSlot()
    if hint is Form:
        home = next((m.catalogue for m in marks if isinstance(m, From)), None)
        return WordSlot(home) if home else None
    return None


def _of_text(marks: tuple[Any, ...]) -> Slot:
    if any(isinstance(m, EmbedName) for m in marks):
        return EmbedSlot()
    if any(isinstance(m, HeadName) for m in marks):
        return HeadSlot()
    return MemberSlot() if any(isinstance(m, MemberName) for m in marks) else TextSlot()

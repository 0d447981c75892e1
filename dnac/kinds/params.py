"""How the arguments of a word are declared: a frozen pydantic model, and marks for its fields.

The marks say how `semantics.bind` reads a field from the text: `4x`, `30%`, a word of a catalogue, a
schedule, a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from dnac.ir.form import Form


@dataclass(frozen=True)
class From:
    """The field holds a word of this catalogue, as a `Form`."""

    catalogue: str


@dataclass(frozen=True)
class SizeUnit:
    """An integer that may be written `4x`: times the width of the stream."""


@dataclass(frozen=True)
class ShareUnit:
    """A fraction that may be written `30%`; `of` says of what, for messages and docs."""

    of: str


@dataclass(frozen=True)
class Scheduled:
    """A real number that may be `schedule(start, shape(target, until), ...)`."""


@dataclass(frozen=True)
class MemberName:
    """The name of a member (group) of the pool that is routed, as text."""

    what: str = "a member of the pool"
    """What is named, for people."""


@dataclass(frozen=True)
class EmbedName:
    """The name of the net's embed, whose table is shared, as text."""


@dataclass(frozen=True)
class HeadName:
    """The name of a head that is declared before, as text."""


Size = Annotated[int, SizeUnit()]
Real = Annotated[float | Form, Scheduled()]


class Params(BaseModel):
    """Arguments of a word: frozen, strict, nothing extra. Positional arguments follow field order."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True)

    def form(self, name: str) -> Form:
        """These params as the form `name{...}`, complete."""
        return Form(name, tuple((k, getattr(self, k)) for k in type(self).model_fields))


class NoParams(Params):
    """A word without arguments."""


NORMAL = Form("normal", (("std", 0.02),))
"""Initial values of matrices where a file says nothing."""
ONES = Form("ones")
"""Initial values of gains."""
ZEROS = Form("zeros")
"""Initial values of biases."""
INHERIT = Form("inherit")
"""Unsaid positions of an attention: what the embed hands on. Not a word; `resolve` replaces it."""


def values_of(number: float | Form) -> list[float]:
    """A number, or all values that a schedule names, in order: its start, and the target of each piece."""
    if not isinstance(number, Form):
        return [number]
    pieces = number["pieces"]
    targets = [piece["target"] for piece in pieces if isinstance(piece, Form)] if isinstance(pieces, tuple) else []
    return [float(value) for value in (number["start"], *targets) if isinstance(value, (int, float))]

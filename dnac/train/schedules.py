"""The value of a number that may be a schedule, at one train step.

`schedule(start, shape(target, until), ...)`: pieces follow one another; each goes from where the
last one ended to its own target, which it reaches at `until`; after the last piece the value holds.
The position counts train steps from 1 (the first update is at position 1 and the last one at the
length of the run), so that no update is spent on the start of a warm-up from zero, and the last
update has the value at `100%`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dnac import catalogue
from dnac.ir.form import Form
from dnac.kinds.base import ShapeKind, params_of
from dnac.text.diagnostic import InternalError


@dataclass(frozen=True)
class Clock:
    """Turns durations of a run into train steps."""

    total_steps: int
    tokens_per_step: int

    def steps(self, duration: Form | float) -> float:
        """`steps(n)`, `tokens(n)` or a share of the run, in train steps (a real number)."""
        if not isinstance(duration, Form):
            return float(duration) * self.total_steps
        amount = float(_number(duration.args[0][1]))
        match duration.name:
            case "steps":
                return amount
            case "tokens":
                return amount / self.tokens_per_step
            case "share":
                return amount * self.total_steps
            case other:
                raise InternalError("train.schedules", f"no duration named {other}")


def value(number: float | Form, step: float, total_steps: int, tokens_per_step: int) -> float:
    """The value of a constant or of a schedule at position `step` (1 to `total_steps`)."""
    if not isinstance(number, Form):
        return float(number)
    clock = Clock(total_steps, tokens_per_step)
    present, begin = float(_number(number["start"])), 0.0
    for piece in _pieces(number):
        end = clock.steps(piece["until"])  # type: ignore[arg-type]
        if step < end:
            return _within(piece, present, (step - begin) / (end - begin))
        present, begin = _within(piece, present, 1.0), end
    return present


def _within(piece: Form, start: float, x: float) -> float:
    kind: ShapeKind = catalogue.get("shape", piece.name)
    return float(kind.value(params_of(kind, piece), start, x))


def _pieces(schedule: Form) -> tuple[Form, ...]:
    pieces = schedule["pieces"]
    if not isinstance(pieces, tuple):
        raise InternalError("train.schedules", "a schedule without pieces")
    return tuple(p for p in pieces if isinstance(p, Form))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InternalError("train.schedules", f"{value!r} is not a number")
    return value

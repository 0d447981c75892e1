"""A schedule that would lose or double a token is refused, with the value's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dnac.passes.pipeline import optimize
from dnac.schedule import instructions as do
from dnac.schedule.build import build_schedule
from dnac.schedule.verify import verify_schedule
from dnac.text.diagnostic import InternalError
from graphs import tiny_text

SCHEDULE = build_schedule(optimize(tiny_text(steps=1, k=2, skips=2), "O0"))
Edit = Callable[[do.AnyInstruction], do.AnyInstruction | None]


def edited(kind: type[do.AnyInstruction], edit: Callable[..., do.AnyInstruction | None]) -> do.Schedule:
    """The schedule with the instructions of one kind changed, or left out."""
    made = (edit(i) if isinstance(i, kind) else i for i in SCHEDULE.instructions)
    return replace(SCHEDULE, instructions=tuple(i for i in made if i is not None))


FAULTS: dict[str, tuple[do.Schedule, str]] = {
    "a bank is lost": (edited(do.Run, lambda i: None), "reads h2.run0 before it is made"),
    "a slot is lost": (
        edited(do.Sort, lambda i: replace(i, runs=i.runs[1:])),
        "sorts slots (1, 2, 3), but the banks run",
    ),
    "a slot is doubled": (edited(do.Sort, lambda i: replace(i, skips=(0, 4, 5))), "handles slot 0 of 6 twice"),
    "a slot is no candidate": (edited(do.Sort, lambda i: replace(i, skips=(4, 9))), "handles slot 9 of 6"),
    "rows of another bank run": (edited(do.Gather, lambda i: replace(i, bank=1)), "gathered for another bank"),
    "modules and slots differ": (edited(do.Run, lambda i: replace(i, modules=i.modules[1:])), "does not belong to"),
    "rows are not combined": (edited(do.Combine, lambda i: replace(i, rows=())), "are combined 1 times or not all"),
    "an increment is lost": (
        edited(do.Add, lambda i: i if i.out == "h1" else replace(i, increments=("h1.increment",))),
        "is never added",
    ),
    "an increment is added twice": (
        edited(do.Add, lambda i: replace(i, increments=i.increments * 2)),
        "one increment twice",
    ),
    "a value is made twice": (
        replace(SCHEDULE, instructions=(*SCHEDULE.instructions[:3], *SCHEDULE.instructions[2:])),
        "is made twice",
    ),
    "a value is used too early": (
        replace(SCHEDULE, instructions=(*SCHEDULE.instructions[1::-1], *SCHEDULE.instructions[2:])),
        "reads h0 before",
    ),
    "the result is not last": (replace(SCHEDULE, result="h1"), "the last instruction does not make h1"),
}


def test_the_schedule_itself_passes() -> None:
    verify_schedule(SCHEDULE)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str) -> None:
    schedule, message = FAULTS[fault]
    with pytest.raises(InternalError) as raised:
        verify_schedule(schedule)
    assert message in str(raised.value)


def test_bodies_of_repeats_are_checked_too() -> None:
    rolled = build_schedule(optimize(tiny_text(steps=3)))
    (repeat,) = (i for i in rolled.instructions if isinstance(i, do.Repeat))
    for wrong, message in (
        (replace(repeat, body=repeat.body[1:]), "before it is made"),
        (replace(repeat, result="h9"), "the result h9 is not made"),
        (replace(repeat, steps=(0, 1)), "turns without a routing step"),
    ):
        made = tuple(wrong if i is repeat else i for i in rolled.instructions)
        with pytest.raises(InternalError, match=message):
            verify_schedule(replace(rolled, instructions=made))

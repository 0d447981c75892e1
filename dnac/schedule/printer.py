"""Schedule to text: one instruction per line, `value = instruction(inputs) what`.

Used by goldens, `dnac plan` and `dnac compile`; equal schedules print equal text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from dnac.ir.graph import Member
from dnac.ir.names import join_names
from dnac.ir.printer import print_factor, print_members, print_slots
from dnac.schedule.instructions import (
    Add,
    AnyInstruction,
    Combine,
    Dense,
    Embed,
    Gather,
    Head,
    Norm,
    Presence,
    Repeat,
    Route,
    Run,
    Schedule,
    Settle,
    Sort,
    Tally,
    Tap,
)
from dnac.schedule.verify import reads


def print_schedule(schedule: Schedule) -> str:
    """The whole schedule as text, ending in a line break."""
    return "\n".join([f"schedule {schedule.name} -> {schedule.result}", *schedule_lines(schedule)]) + "\n"


def schedule_lines(schedule: Schedule) -> list[str]:
    """The instructions alone, one line each, bodies of repeats indented."""
    rows = [row for i in schedule.instructions for row in _rows(i, "")]
    left = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{left}} {text}".rstrip() for name, text in rows]


def instruction_text(instruction: AnyInstruction) -> str:
    """What one instruction does, on one line; a repeat without its body."""
    if not isinstance(instruction, Repeat):
        return _text(instruction)
    return f"repeat({instruction.x}) {len(instruction.renames)} turns, steps {print_slots(instruction.steps)}"


def _rows(instruction: AnyInstruction, indent: str) -> list[tuple[str, str]]:
    if not isinstance(instruction, Repeat):
        return [(f"{indent}{instruction.out}", f"= {_text(instruction)}")]
    keys = [key for key, _ in instruction.renames[0]]
    return [
        (f"{indent}{instruction.out}", f"= {instruction_text(instruction)} {{"),
        *(
            (f"{indent}  {key}", f"-> {join_names([turn[i][1] for turn in instruction.renames])}")
            for i, key in enumerate(keys)
        ),
        *((f"{indent}  {taken}", f"=> {given} as {out}") for taken, given, out in instruction.carried),
        *(row for inner in instruction.body for row in _rows(inner, f"{indent}  ")),
        (f"{indent}}}", f"-> {instruction.result}"),
    ]


def _text(
    i: Embed | Norm | Dense | Route | Presence | Tally | Settle | Tap | Sort | Gather | Run | Combine | Add | Head,
) -> str:
    match i:
        case Embed():
            return f"embed(inputs) by {i.weights}"
        case Norm():
            return f"norm({i.x}) by {i.weights}"
        case Head():
            return f"head({i.x}) by {i.weights}" + (f" table {i.table}" if i.table else "")
        case Dense():
            gate = f" gate {i.gate[0]} slot {i.gate[1]}" if i.gate else ""
            return (
                f"dense({i.x}) by {i.module}{gate}"
                + (f" at {i.site}" if i.site else "")
                + _away(i.away)
                + (" copied" if i.copied else "")
            )
        case Presence() | Tally() | Settle() | Tap():
            return _beside(i)
        case Add():
            return f"add({', '.join((i.x, *i.increments))})"
        case _:
            return _routed(i)


def _beside(i: Presence | Tally | Settle | Tap) -> str:
    match i:
        case Presence():
            leaves = f" leaves {' '.join(f'{slot}:{code}' for slot, code in i.leaves)}" if i.leaves else ""
            back = f" back {i.back}" if i.back else ""
            return f"presence({', '.join(reads(i))}){leaves}{back}"
        case Tally() | Settle():
            return f"{type(i).__name__.lower()}({', '.join(reads(i))})"
        case Tap():
            table, every = f" table {i.table}" if i.table else "", f" every {i.every}" if i.every > 1 else ""
            return f"tap({', '.join(reads(i))}) by {i.weights} times {print_factor(i.weight)}{table}{every}"


def _routed(i: Route | Sort | Gather | Run | Combine) -> str:
    match i:
        case Route():
            tally = f" tally {i.tally}" if i.tally else ""
            carried = f" carrying {' '.join(i.carries)}" if i.carries else ""
            chosen = f"{i.k} of {_members(i.candidates)}{carried}{_away(i.away)}{tally}"
            return f"route({i.x}) by {i.router} at {i.site} step {i.step}: {chosen}"
        case Sort():
            return f"sort({i.routing}) runs {print_slots(i.runs)} skips {print_slots(i.skips)}"
        case Gather():
            return f"gather({i.x}, {i.order}) bank {i.bank}"
        case Run():
            return f"run({i.rows}) bank {i.bank} by {_members(i.modules)}: {_make(i)}"
        case Combine():
            return f"combine({i.routing}, {', '.join(i.rows)})"
        case _:
            assert_never(i)


def _away(away: str) -> str:
    return f" away {away}" if away else ""


def _members(members: Sequence[Member]) -> str:
    return print_members(members, ())


def _make(run: Run) -> str:
    return " + ".join(part.kind.name for part in run.make.parts)

"""What a legal schedule is: names made before use, and each (token, step, slot) handled once.

A slot of a routing is handled where exactly one bank runs it, or where it is sorted behind the
banks as a skip or an empty slot. A combine must take the rows of every bank of its own order, and
every increment must reach a stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

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
from dnac.text.diagnostic import InternalError

Scope = Sequence[AnyInstruction]
Rule = Callable[[Scope], Iterator[str]]


def verify_schedule(schedule: Schedule) -> None:
    """Check every rule in the schedule and in the bodies of its repeats.

    Raises:
        InternalError: the first rule that is broken, with the value's name.
    """
    if not schedule.instructions or schedule.instructions[-1].out != schedule.result:
        raise InternalError("schedule.verify", f"the last instruction does not make {schedule.result}")
    _verify_scope(schedule.instructions, given=(), result=schedule.result)


def reads(instruction: AnyInstruction) -> tuple[str, ...]:
    """The values that an instruction reads (a repeat: what it reads from outside)."""
    match instruction:
        case Embed():
            return ()
        case Norm() | Head():
            return (instruction.x,)
        case Repeat():
            return (instruction.x, *(taken for taken, _, _ in instruction.carried))
        case Route():
            return (instruction.x, *_said(instruction.away), *_said(instruction.tally))
        case Presence() | Tally() | Settle() | Tap():
            return _beside(instruction)
        case Dense():
            return (instruction.x, *((instruction.gate[0],) if instruction.gate else ()), *_said(instruction.away))
        case Add():
            return (instruction.x, *instruction.increments)
        case _:
            return _routed(instruction)


def _beside(instruction: Presence | Tally | Settle | Tap) -> tuple[str, ...]:
    match instruction:
        case Presence():
            return (*_said(instruction.away), *_said(instruction.routing))
        case Tally():
            return (*_said(instruction.before), *_said(instruction.routing), *_said(instruction.x))
        case Settle() | Tap():
            return (instruction.x, *_said(instruction.tally))
        case _:
            assert_never(instruction)


def _routed(instruction: Sort | Gather | Run | Combine) -> tuple[str, ...]:
    match instruction:
        case Sort():
            return (instruction.routing,)
        case Gather():
            return (instruction.x, instruction.order)
        case Run():
            return (instruction.rows, instruction.routing, instruction.order)
        case Combine():
            return (instruction.routing, instruction.order, *instruction.rows)
        case _:
            assert_never(instruction)


def _said(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _verify_scope(scope: Scope, given: tuple[str, ...], result: str) -> None:
    for message in (*_defined_before_use(scope, given, result), *(m for rule in RULES for m in rule(scope))):
        raise InternalError("schedule.verify", message)
    for instruction in scope:
        if isinstance(instruction, Repeat):
            if len(instruction.steps) != len(instruction.renames):
                raise InternalError("schedule.verify", f"{instruction.out} has turns without a routing step")
            _verify_scope(instruction.body, reads(instruction), instruction.result)


def _defined_before_use(scope: Scope, given: tuple[str, ...], result: str) -> Iterator[str]:
    known = set(given)
    for instruction in scope:
        yield from (f"{instruction.out} reads {v} before it is made" for v in reads(instruction) if v not in known)
        if instruction.out in known:
            yield f"{instruction.out} is made twice"
        known.add(instruction.out)
        if isinstance(instruction, Repeat):
            known.update(out for _, _, out in instruction.carried)
    if result not in known:
        yield f"the result {result} is not made"


def _slots_are_handled_once(scope: Scope) -> Iterator[str]:
    """Every slot that a sort keeps is run by one bank, in the sort's order; none both runs and skips."""
    for order in (i for i in scope if isinstance(i, Sort)):
        routing = next((r for r in scope if isinstance(r, Route) and r.out == order.routing), None)
        size = len(routing.candidates) if routing else 0
        ran = [s for i in scope if isinstance(i, Run) and i.order == order.out for s in i.make.slots]
        if ran != list(order.runs):
            yield f"{order.out} sorts slots {order.runs}, but the banks run {tuple(ran)}"
        twice = [s for s, n in Counter((*order.runs, *order.skips)).items() if n > 1 or not 0 <= s < size]
        if twice:
            yield f"{order.out} handles slot {twice[0]} of {size} twice or not at all"


def _banks_stay_together(scope: Scope) -> Iterator[str]:
    """A run works on the rows of its own bank, order and routing; its modules match its slots."""
    gathers = {i.out: i for i in scope if isinstance(i, Gather)}
    orders = {i.out: i for i in scope if isinstance(i, Sort)}
    for run in (i for i in scope if isinstance(i, Run)):
        rows, order = gathers.get(run.rows), orders.get(run.order)
        if rows is None or order is None or (rows.order, rows.bank) != (run.order, run.bank):
            yield f"{run.out} runs rows that were gathered for another bank"
        elif order.routing != run.routing or len(run.modules) != len(run.make.slots):
            yield f"{run.out} does not belong to {run.routing}"


def _rows_are_combined_once(scope: Scope) -> Iterator[str]:
    """One combine per order takes the rows of all its banks."""
    for order in (i.out for i in scope if isinstance(i, Sort)):
        ran = [i.out for i in scope if isinstance(i, Run) and i.order == order]
        joined = [i.rows for i in scope if isinstance(i, Combine) and i.order == order]
        if joined != [tuple(ran)]:
            yield f"the rows {ran} of {order} are combined {len(joined)} times or not all"


def _increments_are_added(scope: Scope) -> Iterator[str]:
    """Every increment reaches a stream; a stream adds each once."""
    added = Counter(name for i in scope if isinstance(i, Add) for name in i.increments)
    for made in (i.out for i in scope if isinstance(i, (Dense, Combine))):
        if made not in added:
            yield f"the increment {made} is never added"
    for add in (i for i in scope if isinstance(i, Add)):
        if len(set(add.increments)) != len(add.increments) or not add.increments:
            yield f"{add.out} adds nothing, or one increment twice"


RULES: tuple[Rule, ...] = (
    _slots_are_handled_once,
    _banks_stay_together,
    _rows_are_combined_once,
    _increments_are_added,
)

"""`sees = history`: the banks of one routing step see each other's keys, so they run together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dnac.lowering.turns import Turn
from dnac.schedule import instructions as do

if TYPE_CHECKING:
    from dnac.lowering.interpret import Bound, Interpreter, Values

Together = Callable[["Values", Turn, str], Any]
"""(values, turn, pass) to what a bank makes; the pass is `keys`, `queries` (of keys that are there) or `whole`."""


def joint(interpreter: Interpreter, i: do.Run, run: Together) -> Bound:
    """One bank of a routing step. The keys of a step are there once all its modules have made theirs: the last bank
    runs them all, first for their keys alone where that takes a pass of its own.
    """
    banks = interpreter.mixing[i.routing]
    waiting = f"{i.routing}.history"

    def act(values: Values, turn: Turn) -> None:
        values.setdefault(waiting, []).append((i.out, run))
        if i.out != banks[-1]:
            return
        together = values.pop(waiting)
        is_whole = interpreter.runs_banks_whole and len(together) == 1
        for _, each in () if is_whole else together:
            each(values, turn, "keys")
        for out, each in together:
            values[out] = each(values, turn, "whole" if is_whole else "queries")

    return act

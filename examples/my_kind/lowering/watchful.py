"""The reference lowering, and it stops at the first module whose output is no number, naming it.

For a net whose loss becomes NaN: `dnac train net.dna --kinds DIR --lowering watchful --no-compile`. It looks at
values on the host after each module, so it is slow and cannot be compiled.
"""

from __future__ import annotations

from typing import Any

from dnac.lowering.base import Lowering, Program
from dnac.lowering.interpret import Bound, Values
from dnac.lowering.strategies.reference import LOWERING as REFERENCE
from dnac.lowering.strategies.reference import Reference
from dnac.lowering.turns import Turn
from dnac.schedule import instructions as do


class Watchful(Reference):
    """Interprets a schedule, and looks."""

    name = "watchful"

    def run_bank(self, i: do.Run) -> Bound:
        """As the reference; then every routed module's increment must be finite."""
        run = super().run_bank(i)

        def act(values: Values, turn: Turn) -> None:
            run(values, turn)
            for slot, made in values[i.out].items():
                if not made.isfinite().all():
                    module = i.modules[i.make.slots.index(slot)]
                    raise FloatingPointError(f"{module} gave a value that is no number, at {i.site}")

        return act


def lower(*given: Any) -> Program:
    """The schedule as a program."""
    return Watchful(*given).program()


LOWERING = Lowering(
    name="watchful",
    summary="the reference, stopping at the first module whose output is no number",
    devices=REFERENCE.devices,
    dtypes=REFERENCE.dtypes,
    lower=lower,
)

"""What a pass is: a named rewrite of a graph's nodes, with its place in the order.

A pass never changes a graph's weight tables, so that names of weights do not depend on the level.
It keeps the meaning (the logits under the reference lowering) and changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from dnac.ir.graph import Graph


class Phase(IntEnum):
    """The phases, in the order in which they run."""

    CANONICALIZE = 0
    PRUNE = 1
    FOLD = 2
    STACK = 3
    ROLL = 4


@dataclass(frozen=True)
class Pass:
    """One rewrite. A file of `passes/rewrites` exports one as `PASS`; its name is the file's."""

    name: str
    summary: str
    """One line for people."""
    phase: Phase
    level: int
    """The lowest level at which it runs: 0 for what lowering needs, else 1 or 2."""
    apply: Callable[[Graph], Graph]
    after: tuple[str, ...] = ()
    """Passes of the same phase that run before this one."""

"""The routing schedule: what runs, in order. Every lowering interprets these instructions.

Values are named by the instruction that makes them (`out`). Kinds of value: a *stream* [B,T,D], a
*view* (normed stream, [B,T,D]), a *routing* (scores, gates, ids, weights of one routing step), an
*order* (the routed rows sorted by module), *rows* of one bank, and an *increment* [B,T,D].
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dnac.ir.form import Form
from dnac.ir.graph import Bank, Member, Origin


@dataclass(frozen=True, slots=True)
class Instruction:
    """What all instructions have: the name of the value they make, and where it was declared."""

    out: str
    origin: Origin | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Embed(Instruction):
    """inputs -> stream"""

    weights: str


@dataclass(frozen=True, slots=True)
class Norm(Instruction):
    """stream -> view, by a pool's own norm"""

    x: str
    weights: str


@dataclass(frozen=True, slots=True)
class Dense(Instruction):
    """view -> increment: every token through one module.

    `site` names the place for dropout and for run-time faults. `gate` = (routing value, slot)
    multiplies the increment by that candidate's weight (a folded fixed choice). `away` = the presence
    that says which tokens are here; empty where all are. The others get no increment; under
    `copied` they still give keys.
    """

    x: str
    module: Member
    site: str
    gate: tuple[str, int] | None = None
    away: str = field(default="", kw_only=True)
    copied: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Route(Instruction):
    """view -> routing: score, gate, select, weigh. `carries`: what goes along with each token from step to
    step, which this one reads and changes. `away`: the presence that says which tokens are here; the others choose
    nothing.
    """

    x: str
    router: str
    site: str
    step: int
    candidates: tuple[Member, ...]
    k: int
    carries: tuple[str, ...] = field(default=(), kw_only=True)
    away: str = field(default="", kw_only=True)
    tally: str = field(default="", kw_only=True)
    head: tuple[str, str | None] | None = field(default=None, kw_only=True)
    """Of a score that asks a head: its weights, and the embed whose table it shares."""


@dataclass(frozen=True, slots=True)
class Presence(Instruction):
    """presence, routing -> presence: who is here from now on. Fields as those of the graph's node; `routing`
    is empty where nobody leaves.
    """

    away: str
    routing: str
    leaves: tuple[tuple[int, int], ...]
    back: int


@dataclass(frozen=True, slots=True)
class Tally(Instruction):
    """tally, routing, stream -> tally: what halting steps have given out. Empty names as in the graph's node."""

    before: str
    routing: str
    x: str


@dataclass(frozen=True, slots=True)
class Settle(Instruction):
    """stream, tally -> stream: what the tally holds, and the rest of each token to the stream as it is."""

    x: str
    tally: str


@dataclass(frozen=True, slots=True)
class Tap(Instruction):
    """stream -> a loss by a head, while training."""

    x: str
    weights: str
    table: str | None
    weight: float | Form
    tally: str
    every: int
    """Taps of an `every` above 1 take turns."""


@dataclass(frozen=True, slots=True)
class Sort(Instruction):
    """routing -> order: one stable sort of the T*K rows by (slot, sequence); `skips`, unreachable
    slots and empty choices last. `runs` in the order of the banks.
    """

    routing: str
    runs: tuple[int, ...]
    skips: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gather(Instruction):
    """view, order -> rows of one bank, its live rows first."""

    x: str
    order: str
    bank: int


@dataclass(frozen=True, slots=True)
class Run(Instruction):
    """rows -> rows: each row's increment by its own module of the bank."""

    rows: str
    routing: str
    order: str
    bank: int
    modules: tuple[Member, ...]
    make: Bank
    site: str


@dataclass(frozen=True, slots=True)
class Combine(Instruction):
    """routing, order, rows of all banks -> increment: weigh, bring back to token order, sum over K."""

    routing: str
    order: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Add(Instruction):
    """stream + increments -> stream"""

    x: str
    increments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head(Instruction):
    """stream -> logits"""

    x: str
    weights: str
    table: str | None


@dataclass(frozen=True, slots=True)
class Repeat(Instruction):
    """A region: `body` once per turn, reading `x` and giving the next turn's `x`.

    `result` is the value of the body that goes on. `renames[t]` maps names of the first turn
    (members, routers, sites, norms) to those of turn t; `steps[t]` is its first routing step.
    Modules of a pool outside the repeat keep their names. `carried` are presences that turns hand on:
    (read by the first turn, value of the body that the next turn reads in its place, name behind the repeat).
    """

    x: str
    body: tuple[AnyInstruction, ...]
    result: str
    renames: tuple[tuple[tuple[str, str], ...], ...]
    steps: tuple[int, ...]
    carried: tuple[tuple[str, str, str], ...] = ()


AnyInstruction = (
    Embed | Norm | Dense | Route | Presence | Tally | Settle | Tap | Sort | Gather | Run | Combine | Add | Head | Repeat
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """All instructions of one network; `result` is the logits' name."""

    name: str
    instructions: tuple[AnyInstruction, ...]
    result: str

"""The typed graph of one network: declared weights, and the nodes that use them in order.

One residual stream `h` of shape [B, T, D] runs through the nodes. Each node names the value it
reads and is itself the name of the value it makes, so the graph is in single-assignment form.
A node that changes the stream makes `h + increment`; a kind returns the increment alone
(`docs/numerics.md`, rule 5).

Names: a set of weights has a canonical name such as `nodes.block`, `hop[17]`, `experts[3].ffn`.
A member is one module: `Member("nodes.block", 3)` prints `nodes.block[3]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from dnac.ir.form import Form


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in a `.dna` file a thing was declared; left out of equality and of the printed form."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


EXIT = "exit"
"""The one kind that graphs know by its word: no other decides whether a token is there at later nodes."""

# --- sets of weights -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One branch of a module: a leaf kind (attention, mlp, ...) with complete params."""

    name: str
    kind: Form
    of: tuple[str, str] | None = None
    """Whose weights it has, (a single module's set, its part), where they are not of its own set: `chain`."""

    def home(self, set_name: str) -> tuple[str, str]:
        """Set and part under which the weights of this part of a set are found."""
        return self.of or (set_name, self.name)


def exits_of(parts: tuple[Part, ...]) -> str:
    """`loop` or `net` for the parts of a way out; empty for all others."""
    if len(parts) != 1 or parts[0].kind.name != EXIT:
        return ""
    return str(parts[0].kind["of"])


def turns_of(parts: tuple[Part, ...], index: int | None) -> int | None:
    """After how many turns a token leaves that chose this way out in front of a loop; None for all others."""
    after = parts[0].kind.get("after") if exits_of(parts) else None
    if after is None:
        return None
    return after if isinstance(after, int) else (index or 0) + 1


@dataclass(frozen=True, slots=True)
class ModuleSet:
    """`count` modules of one make, or a single one where `count` is None. No parts: identity."""

    name: str
    count: int | None
    parts: tuple[Part, ...]
    origin: Origin | None = field(default=None, compare=False)

    @property
    def is_identity(self) -> bool:
        """Whether the module leaves the stream as it is: no parts, or a way out alone."""
        return not self.parts or bool(self.exits)

    @property
    def exits(self) -> str:
        """`loop` or `net`: what a token leaves that chooses the module; empty for all but exits."""
        return exits_of(self.parts)


@dataclass(frozen=True, slots=True)
class RouterSet:
    """One router: form `router{read, score, gate, choose, ...}` over `size` scored candidates."""

    name: str
    size: int
    fields: Form
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SharedSet:
    """Weights of an embed, a head or a pool's own norm: role, canonical name, kind."""

    role: Literal["embed", "head", "norm"]
    name: str
    kind: Form
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BudgetSet:
    """A limit on what routers may spend: `flops{target, per, by, of}`, and the routers that it covers."""

    name: str
    kind: Form
    routers: tuple[str, ...]
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One module of a set; `index` is None where the set is a single module."""

    set: str
    index: int | None = None

    def __str__(self) -> str:
        return self.set if self.index is None else f"{self.set}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Bank:
    """Modules of one make that run as one grouped product: positions in the route's candidates."""

    parts: tuple[Part, ...]
    slots: tuple[int, ...]


# --- nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Embed:
    """Inputs to the first stream value."""

    id: str
    weights: str
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Norm:
    """A pool's own norm of `x`; not a stream value, read by a route and its members."""

    id: str
    x: str
    weights: str
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """Every token through one module: `x + f(view)`; `view` is `x` unless a pool owns the norm.

    `gate` = (router, candidate slot) where a folded fixed choice keeps its weight.
    `away` = the presence that says which tokens are here; empty where all are. `copied`: the others
    still give keys, from the `h` with which they left.
    """

    id: str
    x: str
    view: str
    module: Member
    gate: tuple[str, int] | None = None
    site: str = ""
    away: str = ""
    copied: bool = False
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """One routing step: the router scores `candidates` on `view`, chosen modules change `x`.

    `candidates` are scored, in order of declaration. `always` are modules that run for every token
    with weight one and are not scored. `runs` are candidate slots that can be chosen and have work
    to do, `skips` those that are identity. `banks` cover `runs` once `stack_same_kind` has run.
    `site` is the label with its turns (`hop[17]`), `step` the routing step counted from 0. `away` =
    the presence that says which tokens are here; empty where all are. Those that are not choose nothing.
    `carries` names what goes along with each token, which this step reads and changes (`last`). `tally` =
    of a halting step, what the halting steps before it have given out.
    """

    id: str
    x: str
    view: str
    site: str
    step: int
    router: str
    candidates: tuple[Member, ...]
    always: tuple[Member, ...] = ()
    runs: tuple[int, ...] = ()
    skips: tuple[int, ...] = ()
    banks: tuple[Bank, ...] = ()
    away: str = ""
    carries: tuple[str, ...] = ()
    tally: str = ""
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Presence:
    """Which tokens are here, [B, T]: 0 for those that are, 1 for those that left the net, 1 + d for
    those that left a loop inside d - 1 others. No stream: nodes that change the stream name it.

    `away` is the presence before; empty: all are here. Tokens that chose one of `leaves` = (slot, code)
    at the node `route` leave; those whose code is `back` or more come back (0: nobody does).
    """

    id: str
    away: str = ""
    route: str = ""
    leaves: tuple[tuple[int, int], ...] = ()
    back: int = 0
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the halting steps of a loop have given out: each token's chance to have left [B, T], and under
    `weight = halting` the stream at each step times the chance to leave there [B, T, D], summed.

    `before` is the tally of the step before and `route` the halting step; both are empty at the loop's
    begin. `x` is the stream that is weighed, empty where none is.

    With a `route` and no `before` it stands in front of a loop whose number of turns that route has chosen: what its
    weight leaves is given out at once, of the stream `x` as it is there.
    """

    id: str
    before: str = ""
    route: str = ""
    x: str = ""
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Settle:
    """Behind a loop: the stream that its tally holds; what no step has given out goes to `x`."""

    id: str
    x: str
    tally: str
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tap:
    """While training, a head on a value inside the net, whose loss is added `weight` times (a number or a schedule).

    With a `tally` each token's loss counts as likely as the token leaves there, and so much less at the end.
    Taps with the same `every` above 1 take turns: each counts at one of so many train steps.
    """

    id: str
    x: str
    weights: str
    table: str | None = None
    weight: float | Form = 1.0
    tally: str = ""
    every: int = 1
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Join:
    """`parallel`: `x + sum of the increments` of all nodes named in the branches."""

    id: str
    x: str
    branches: tuple[tuple[str, ...], ...]
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Head:
    """Stream to outputs; `table` names an embed whose table it shares (tied), else None."""

    id: str
    x: str
    weights: str
    table: str | None = None
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Region:
    """Equal turns rolled into one: `body` is the first turn and reads `x`; the last node's value
    feeds the next turn. `renames[t]` maps each name of the first turn (weights, sites) to that of
    turn t; `steps[t]` is the first routing step of turn t.

    `carried` are values beside the stream that a turn reads and hands on: (the one that the first turn
    reads, the value of the body that the next turn reads in its place, its name behind the region).
    """

    id: str
    x: str
    body: tuple[Node, ...]
    renames: tuple[tuple[tuple[str, str], ...], ...]
    steps: tuple[int, ...]
    carried: tuple[tuple[str, str, str], ...] = ()
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights of one set that start as those of a checkpoint, or of a run of dnac.

    `layers` names the checkpoint's layer of each module of the set, in order; it is empty for an embed or a head. Of a
    run, `of` names weights there, and `layers` the places of the set's modules among all that start from them.
    """

    set: str
    file: str
    """As the spec writes it, relative to the spec."""
    layers: tuple[int, ...] = ()
    of: str = ""
    origin: Origin | None = field(default=None, compare=False)


Node = Embed | Norm | Apply | Route | Presence | Tally | Settle | Tap | Join | Head | Region


@dataclass(frozen=True)
class Graph:
    """One network. Weight tables never change through passes (state-dict names must not depend on
    the pass level); only `nodes` do.
    """

    name: str
    input: Form
    """`text{context, vocabulary, ...}` or `image{size, channels, classes}`."""
    width: int
    """D, the width of the residual stream."""
    tokens: int
    """T, tokens per sequence: the context, or the patches (and a class token)."""
    shared: tuple[SharedSet, ...]
    modules: tuple[ModuleSet, ...]
    routers: tuple[RouterSet, ...]
    nodes: tuple[Node, ...]
    asserts: tuple[str, ...] = ()
    budgets: tuple[BudgetSet, ...] = ()
    pretrained: tuple[Pretrained, ...] = ()

    @cached_property
    def module(self) -> dict[str, ModuleSet]:
        """Module sets by name."""
        return {m.name: m for m in self.modules}

    @cached_property
    def router(self) -> dict[str, RouterSet]:
        """Router sets by name."""
        return {r.name: r for r in self.routers}

    @cached_property
    def weights(self) -> dict[str, SharedSet]:
        """Embeds, heads and pool norms by name."""
        return {s.name: s for s in self.shared}

    @property
    def is_text(self) -> bool:
        """Whether the tokens are in a causal order."""
        return self.input.name == "text"

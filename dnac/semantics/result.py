"""What checking a file gives: nets with their graphs, verdicts and training settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.text.diagnostic import Bag
from dnac.text.source import Source, Span


@dataclass(frozen=True)
class Verdict:
    """Two proven facts about one program of a net (the train or the generate program)."""

    causal: bool | None
    """Whether an output depends on earlier tokens only; None for images."""
    row_independent: bool
    """Whether a sequence's outputs do not depend on the other sequences of the batch."""
    breaks: tuple[str, ...] = ()
    """The constructs that break a fact, in words, with their places."""


@dataclass(frozen=True)
class CostAssert:
    """An assert on a quantity that the plan computes: `left op right`."""

    quantity: str
    """`params`, `params.active_max`, `flops_per_token.max`, ..."""
    op: str
    bound: int | float
    span: Span

    def __str__(self) -> str:
        return f"{self.quantity} {self.op} {self.bound}"


@dataclass(frozen=True)
class CheckedNet:
    """One net that passed all checks."""

    name: str
    graph: Graph
    train: Form | None
    """`train{data, valid, ...}` with all defaults filled (`kinds.train.TrainParams`), or None."""
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    """Keys `train` and `generate`."""
    asserts: tuple[CostAssert, ...] = ()
    """Asserts on counts and FLOPs, for whoever computes them."""
    places: dict[str, Span] = field(default_factory=dict[str, Span], compare=False)
    """Where `net`, `input` and the fields of the train block (`data`, `batch`, ...) stand, for faults found later."""


@dataclass(frozen=True)
class CheckedFile:
    """The nets of one file, and what was found. `nets` holds those without faults of their own."""

    source: Source
    used: tuple[Source, ...]
    """Files brought in by `use`, presets of `std/` included."""
    nets: tuple[CheckedNet, ...]
    bag: Bag
    declared: tuple[str, ...] = ()
    """Names of all nets of the file, also of those with faults."""

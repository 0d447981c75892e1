"""What a kind may know of the place it stands in, and what it gives back: weights, faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from dnac.ir.form import Form


@dataclass(frozen=True)
class Site:
    """What a kind may know about the place it stands in."""

    width: int
    """D of the residual stream."""
    tokens: int
    """T per sequence."""
    causal: bool
    """Whether tokens are in a causal order (text) or not (image)."""
    positions: Form = field(default_factory=lambda: Form("none"))
    """Positions that the embed hands to attention (`rope{...}`), else `none`."""
    grid: tuple[int, int] | None = None
    """Rows and columns of the last tokens, where they are patches of an image in raster order."""


@dataclass(frozen=True)
class WeightSpec:
    """One weight of one module: shape without any stacking, initial values, weight decay."""

    name: str
    shape: tuple[int, ...]
    init: Form
    """A word of the `init` catalogue: normal{std}, zeros, ones, constant{value}."""
    decays: bool
    """Whether weight decay applies (matrices and routers yes; gains, biases, positions no)."""
    is_product: bool = True
    """Whether it multiplies as a matrix, if it has two axes or more; else feature by feature."""


@dataclass(frozen=True)
class Fault:
    """A kind's complaint about its own params; `semantics` gives it a code and a place."""

    field: str
    message: str
    help: str = ""


@dataclass(frozen=True)
class RouteFacts:
    """What a field of a router may know of the route it serves, to find faults."""

    members: tuple[str, ...]
    """The pool's own name of each candidate (`block`, `block`, `skip`), in order of the slots."""
    identities: tuple[int, ...]
    """Slots of the candidates that are identities."""
    k: int
    """Slots per token."""
    gate: str
    """The word of the gate."""
    noise: str = "none"
    """The word of the noise."""
    closes: bool = False
    """Whether that gate can be exactly zero, so that its candidate does not run."""

    def slots(self, member: str) -> tuple[int, ...]:
        """Candidate slots that a member's name stands for."""
        return tuple(i for i, name in enumerate(self.members) if name == member)

"""The picture of a net without a layout: boxes, frames round them, and edges between them.

Every set of weights is one box, with its multiplicity, and a second use refers to it; every loop is one
frame, with its turns; a routing step is a diamond, the members it may choose, and the point where their
outputs join. Graphviz, Mermaid and the HTML page draw the same `Diagram`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Role = Literal["input", "embed", "module", "identity", "reference", "router", "combine", "head", "output"]
"""`reference`: weights that are drawn elsewhere, used here again."""


@dataclass(frozen=True)
class Box:
    """One thing in the picture."""

    id: str
    role: Role
    title: str
    lines: tuple[str, ...] = ()
    """What stands below the title."""
    count: int = 1
    """How many modules of this make there are."""
    loads: tuple[float, ...] = ()
    """Measured: the part of its router's choices that each module took, over all steps."""


@dataclass(frozen=True)
class Frame:
    """A frame round boxes: turns of a loop, one routing step, a pool, branches side by side."""

    id: str
    role: Literal["loop", "step", "pool", "parallel"]
    title: str
    lines: tuple[str, ...]
    items: tuple[Box | Frame, ...]


@dataclass(frozen=True)
class Edge:
    """`stream`: tokens go on; `choice`: a router may send them; `result`: increments come back;
    `again`: the next turn; `tied`: the same table.
    """

    tail: str
    head: str
    role: Literal["stream", "choice", "result", "again", "tied"]
    label: str = ""
    share: float | None = None
    """Measured: the part of the router's choices."""


@dataclass(frozen=True)
class Diagram:
    """A whole picture."""

    name: str
    caption: tuple[str, ...]
    items: tuple[Box | Frame, ...]
    edges: tuple[Edge, ...]

    def boxes(self) -> Iterator[Box]:
        """All boxes, those inside frames included, in order."""
        stack = list(reversed(self.items))
        while stack:
            item = stack.pop()
            if isinstance(item, Box):
                yield item
            else:
                stack.extend(reversed(item.items))

"""Who is here: which presence each node reads, once all nodes stand in order.

Elaboration puts a presence behind every routing step with exits. Here each node is told the presence
that holds where it stands, and loops that tokens can leave get one at their begin and their end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dnac.ir.graph import Apply, Node, Presence, Route, Tally

NET = 1
"""The code of tokens that left the net."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A `repeat` as it was written out: its nodes, from `begin` up to `end`, and how many loops are around it."""

    begin: int
    end: int
    outside: int
    tally: str = ""
    """What its halting steps add to; empty without any."""

    @property
    def code(self) -> int:
        """The code of tokens that left it."""
        return self.outside + NET + 1


def with_presence(nodes: Sequence[Node], loops: Sequence[Loop], copied: bool = False) -> tuple[Node, ...]:
    """The nodes, each with the presence that it reads; the same nodes where no token leaves. `copied`: whether
    tokens that left go on giving keys to modules without a router.
    """
    if not any(isinstance(node, Presence) for node in nodes):
        return tuple(nodes)
    left = [loop for loop in loops if _codes(nodes[loop.begin : loop.end])]
    told = (replace(n, copied=copied) if isinstance(n, Apply) and n.away else n for n in _threaded(nodes, left))
    return tuple(told)


def _codes(nodes: Sequence[Node]) -> set[int]:
    """The codes with which tokens can leave at these nodes."""
    return {code for node in nodes if isinstance(node, Presence) for _, code in node.leaves}


def _threaded(nodes: Sequence[Node], loops: Sequence[Loop]) -> Iterator[Node]:
    begins = {loop.begin for loop in loops if not loop.outside}
    ends = [loop for loop in loops if loop.code in _codes(nodes[loop.begin : loop.end])]
    away, gone, count = "", set[int](), 0
    for place, node in enumerate(nodes):
        for loop in (loop for loop in ends if loop.end == place):  # inner loops first, as they were noted
            gone = {code for code in gone if code < loop.code}
            before, away = away, ""
            if gone or loop.outside:
                away, count = f"p{count}", count + 1
                yield Presence(away, before, back=loop.code)
        for loop in (loop for loop in loops if loop.tally and loop.begin == place):
            yield Tally(loop.tally)
        if place in begins and not away:
            away, count = f"p{count}", count + 1
            yield Presence(away)
        if isinstance(node, Presence):
            yield replace(node, away=away)
            away, gone = node.id, gone | {code for _, code in node.leaves}
        else:
            yield replace(node, away=away) if isinstance(node, (Apply, Route)) else node

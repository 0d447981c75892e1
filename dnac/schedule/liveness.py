"""Which values live when, and the most that lives at once: in a forward pass alone, and in training.

Time runs over the moments of a forward pass, 0 to n - 1; the backward pass of moment i is time
2 n - 1 - i. A value lives from its making to its last use. What a backward pass keeps lives until
that pass; the gradient of a value lives from the backward pass of its last reader to that of its maker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dnac.schedule.values import LOSS, Moment


@dataclass(frozen=True)
class Life:
    """So many bytes from one time to another, both included."""

    what: str
    size: int
    begin: int
    end: int


@dataclass(frozen=True)
class Peak:
    """The most bytes that live at once, and the moment when."""

    size: int
    at: str
    """The instruction."""
    is_backward: bool = False


def forward_lives(moments: Sequence[Moment]) -> Iterator[Life]:
    """A forward pass alone: values until their last reader, scratch while it is needed."""
    made = [m for m in moments if m.out != LOSS]
    last = _last_reads(made)
    for time, m in enumerate(made):
        # the logits are last and stay; a routing that nothing follows is read by nobody
        yield Life(m.out, m.size, time, last.get(m.out, time))
        yield Life(f"{m.out} scratch", m.scratch, time, time)


def training_lives(moments: Sequence[Moment]) -> Iterator[Life]:
    """A forward and a backward pass."""
    last, n = _last_reads(moments), len(moments)
    first_keeper: dict[str, int] = {}
    for time, m in enumerate(moments):
        for value in m.keeps:
            first_keeper.setdefault(value, time)
    for time, m in enumerate(moments):
        back = 2 * n - 1 - time
        read = last.get(m.out, time)
        kept = first_keeper.get(m.out)
        yield Life(m.out, m.size, time, read if kept is None else 2 * n - 1 - kept)
        yield Life(f"{m.out} inside", m.inside, time, back)
        yield Life(f"{m.out} scratch", m.scratch, back, back)
        yield Life(f"{m.out} gradient", m.gradient, 2 * n - 1 - read, back)


def forward_peak(moments: Sequence[Moment]) -> Peak:
    """The peak of a forward pass without gradients."""
    return _peak(forward_lives(moments), moments, len(moments) - 1)


def training_peak(moments: Sequence[Moment]) -> Peak:
    """The peak of a forward and a backward pass."""
    return _peak(training_lives(moments), moments, 2 * len(moments))


def kept_for_backward(moments: Sequence[Moment]) -> int:
    """Bytes that live between the two passes."""
    n = len(moments)
    return sum(life.size for life in training_lives(moments) if life.begin < n <= life.end)


def _last_reads(moments: Sequence[Moment]) -> dict[str, int]:
    return {value: time for time, m in enumerate(moments) for value in m.reads}


def _peak(lives: Iterable[Life], moments: Sequence[Moment], times: int) -> Peak:
    """The first time at which most bytes live."""
    change = [0] * (times + 1)
    for life in lives:
        change[life.begin] += life.size
        change[life.end + 1] -= life.size
    alive = list(accumulate(change[:-1]))
    time = max(range(times), key=lambda t: (alive[t], -t))
    n = len(moments)
    place = time if time < n else 2 * n - 1 - time
    return Peak(alive[time], moments[place].instruction, time >= n)

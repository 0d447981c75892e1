"""`histogram`: how often a symbol stands in its sequence (as set up in arXiv 2605.09403).

    2 0 3 3 0 0  ->  1 3 2 2 3 3

Every place is a target, and asks for the count of its own symbol in the whole sequence: a net that shall see it all has
`attention(causal = false)` and says `assert not_causal(label)`. Sequences are drawn as the authors do: the length falls
into parts at random, each part gets a symbol of its own, and all are shuffled. No sequence comes twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.task_params import TaskSeed, TaskSplit
from dnac.kinds.base import Params, ShareUnit

if TYPE_CHECKING:
    import numpy as np

_SEQUENCES = 13
"""Purpose of drawing, told apart from those of other data."""


class _Symbols(Params):
    symbols: int = Field(default=32, ge=2, le=2000)
    """Symbols to count, ids 0 to this less one. A sequence has at most as many places."""
    samples: int = Field(default=12_500, ge=1, le=1_000_000)
    """Sequences to draw, before those that came twice are left out."""
    valid: Annotated[float, ShareUnit("the sequences")] = Field(default=0.2, gt=0, lt=1)
    """The share that is held out."""


class HistogramParams(TaskSeed, _Symbols, TaskSplit):
    """`histogram("train", 32)`. Fields of the last base come first."""


def _open(params: HistogramParams, place: Place) -> Dataset:
    from dnac.data import errors
    from dnac.data.answers import Answers, Split, Task
    from dnac.text.diagnostic import Faults

    length = place.input["context"]
    assert isinstance(length, int)
    if length > params.symbols:
        raise Faults(errors.task_length("histogram", params.symbols, length))
    ids, counts = _samples(params, length)
    task = Task(
        name="histogram",
        source=f"sequences of {length} of {params.symbols} symbols, drawn by seed {params.seed}",
        ids=ids,
        answer=0,
        vocabulary=max(params.symbols, length + 1),
        notes=("at each place how often its symbol is there",),
        targets=counts,
    )
    return Answers(task, Split(params.split, params.valid, params.seed), place)


def _samples(params: HistogramParams, length: int) -> tuple[np.ndarray, np.ndarray]:
    """[N, length] int64 symbols, and how often each is there; N at most `params.samples`."""
    import numpy as np

    from dnac.data.order import draws

    N, wide = params.samples, 2 * length + params.symbols
    drawn = draws(params.seed, 0, _SEQUENCES, np.arange(N * wide)).reshape(N, wide)
    sizes = _parts(drawn[:, :length])
    part = (np.arange(length)[None, :, None] >= sizes.cumsum(1)[:, None, :]).sum(-1)
    symbols = drawn[:, 2 * length :].argsort(
        axis=1, kind="stable"
    )  # the order that sorts drawn numbers is a permutation
    shuffled = np.take_along_axis(part, drawn[:, length : 2 * length].argsort(axis=1, kind="stable"), axis=1)
    ids = np.take_along_axis(symbols, shuffled, axis=1).astype(np.int64)
    first = np.sort(np.unique(ids, axis=0, return_index=True)[1])
    return ids[first], np.take_along_axis(sizes, shuffled, axis=1)[first]


def _parts(drawn: np.ndarray) -> np.ndarray:
    """[N, L] numbers to sizes [N, L] int64 that sum to L: 1 to what is left less one, until one is left; then 0."""
    import numpy as np

    N, L = drawn.shape
    sizes, left = np.zeros((N, L), np.int64), np.full(N, L, np.int64)
    for n in range(L):
        most = np.maximum(left - 1, 1)
        sizes[:, n] = np.where(left > 0, 1 + (drawn[:, n] % most.astype(np.uint64)).astype(np.int64), 0)
        left = left - sizes[:, n]
    return sizes


DATASET = DatasetKind(
    "histogram", "how often each symbol stands in its sequence, asked at every place", HistogramParams, open=_open
)

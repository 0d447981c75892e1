"""`add7`: a number plus 7, digit by digit from the units on (Sparsity Moves Computation, arXiv 2605.09403).

    593 + 7:   3 9 5 END 0 0 6 0 END

Ids 0 to 9 are digits, 10 is never used and 11 is END, as in the authors' code. The answer has a digit more
than the question, and its END is a target too. Right is a sample whose every answer id is the most likely
one, which is what writing the answer id by id, greedily, would give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.task_params import TaskSeed, TaskSplit
from dnac.kinds.base import Params, ShareUnit

if TYPE_CHECKING:
    import numpy as np

END, VOCABULARY, ADDED = 11, 12, 7


class _Digits(Params):
    digits: int = Field(default=3, ge=1, le=6)
    """Digits of the question: all 10 to that power numbers are samples."""
    valid: Annotated[float, ShareUnit("the numbers")] = Field(default=0.2, gt=0, lt=1)
    """The share that is held out."""


class Add7Params(TaskSeed, _Digits, TaskSplit):
    """`add7("train")`. Fields of the last base come first."""


def _open(params: Add7Params, place: Place) -> Dataset:
    from dnac.data.answers import Answers, Split, Task

    digits = params.digits
    task = Task(
        name="add7",
        source=f"all numbers of {digits} digits, plus {ADDED}",
        ids=_samples(digits),
        answer=digits + 1,
        vocabulary=VOCABULARY,
        notes=(f"{digits} digits from the units on, END, {digits + 1} digits, END",),
    )
    return Answers(task, Split(params.split, params.valid, params.seed), place)


def _samples(digits: int) -> np.ndarray:
    """[10^digits, 2 digits + 3] int64."""
    import numpy as np

    numbers = np.arange(10**digits)
    end = np.full((len(numbers), 1), END)
    parts = (_reversed(numbers, digits), end, _reversed(numbers + ADDED, digits + 1), end)
    return np.concatenate(parts, axis=1).astype(np.int64)


def _reversed(numbers: np.ndarray, digits: int) -> np.ndarray:
    """[N, digits], units first."""
    import numpy as np

    return np.stack([numbers // 10**place % 10 for place in range(digits)], axis=1)


DATASET = DatasetKind("add7", "numbers plus 7, digit by digit from the units on", Add7Params, open=_open)

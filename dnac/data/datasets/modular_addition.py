"""`modular_addition`: (a + b) mod p for all pairs (Nanda et al., arXiv 2301.05217; as set up in arXiv 2605.09403).

    a b =  ->  (a + b) mod p

Ids 0 to p - 1 are the numbers, p is `=`; one target, at `=`. Most pairs are held out: a net that only
remembers is right on the others alone. The authors' net is not causal; at the last place of a
net of one layer a causal one sees as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.task_params import TaskSeed, TaskSplit
from dnac.kinds.base import Params, ShareUnit

if TYPE_CHECKING:
    import numpy as np


class _Modulus(Params):
    modulus: int = Field(default=113, ge=2, le=2000)
    """p: all p * p pairs are samples."""
    valid: Annotated[float, ShareUnit("the pairs")] = Field(default=0.7, gt=0, lt=1)
    """The share that is held out."""


class ModularAdditionParams(TaskSeed, _Modulus, TaskSplit):
    """`modular_addition("train", 113)`. Fields of the last base come first."""


def _open(params: ModularAdditionParams, place: Place) -> Dataset:
    from dnac.data.answers import Answers, Split, Task

    p = params.modulus
    task = Task(
        name="modular_addition",
        source=f"all pairs of numbers below {p}",
        ids=_samples(p),
        answer=3,
        vocabulary=p + 1,
        notes=(f"a b = and (a + b) mod {p}",),
    )
    return Answers(task, Split(params.split, params.valid, params.seed), place)


def _samples(p: int) -> np.ndarray:
    """[p * p, 4] int64."""
    import numpy as np

    a, b = (each.ravel() for each in np.meshgrid(np.arange(p), np.arange(p), indexing="ij"))
    return np.stack([a, b, np.full_like(a, p), (a + b) % p], axis=1).astype(np.int64)


DATASET = DatasetKind("modular_addition", "(a + b) mod p, all pairs, one target", ModularAdditionParams, open=_open)

"""`parity`: random bits, and at each place the parity of all bits so far: how many bits is how hard the place is.

Inputs are the bits, targets their running parity: [B, T] ids 0 and 1. Place n asks for the parity of n bits
(Graves, arXiv 1603.08983, section 3.1, has one answer for a vector of as many). All sequences of the context's
length are samples; a share of them is held out.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.data.base import Dataset, DatasetKind, Place
from dnac.data.task_params import TaskSeed, TaskSplit
from dnac.kinds.base import Params, ShareUnit


class _Held(Params):
    valid: Annotated[float, ShareUnit("the sequences")] = Field(default=0.2, gt=0, lt=1)
    """The share that is held out."""


class ParityParams(TaskSeed, _Held, TaskSplit):
    """`parity("train")`. Fields of the last base come first."""


def _open(params: ParityParams, place: Place) -> Dataset:
    from dnac.data.answers import Split
    from dnac.data.running import Parity

    return Parity(Split(params.split, params.valid, params.seed), place)


DATASET = DatasetKind("parity", "bits, and the parity of all of them so far at each place", ParityParams, open=_open)

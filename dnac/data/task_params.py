"""Arguments that all tasks of questions and answers share; free of torch and numpy."""

from __future__ import annotations

from typing import Literal

from dnac.kinds.base import Params


class TaskSplit(Params):
    """Which samples of a task. What is held out is decided by a seed of the data, not of the run."""

    split: Literal["train", "valid", "all"]
    """Which part of all samples."""


class TaskSeed(Params):
    """Another choice of held-out samples."""

    seed: int = 0
    """Which samples are held out: say the same in `data` and `valid`."""

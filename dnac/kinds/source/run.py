"""`run(folder, of)`: weights of another net that dnac trained, from one of its run folders.

The folder stands relative to the spec, and its latest checkpoint counts. What is taken must be the same kind of thing
with the same arguments; several modules go in order, and a single one is copied into all.
"""

from __future__ import annotations

from dnac.kinds.base import Kind, Params


class RunParams(Params):
    """Arguments of `run`."""

    folder: str
    """The folder of a run, relative to the spec. An empty text: weights are drawn as always, so that a spec can leave
    it to `--set`."""
    of: str | None = None
    """Which of its weights, by their name there: `"nodes.block"`, `"nodes.block[0:4]"`, `"transformer[0]"`. Unsaid:
    those of the same name."""


KIND = Kind(
    name="run",
    summary="Weights of a net that dnac trained: those of the same kind in a run folder.",
    Params=RunParams,
)

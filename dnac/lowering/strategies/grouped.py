"""Grouped: rows stay sorted through a whole module, in kernels for CUDA (`lowering/grouped.py`).

The kernels are loaded when a network is lowered: a machine without Triton can still ask what there is.
"""

from __future__ import annotations

import os

import torch

from dnac.ir.graph import Graph
from dnac.lowering.base import Lowering, Options, Program
from dnac.schedule.instructions import Schedule


def lower(graph: Graph, schedule: Schedule, options: Options) -> Program:
    """The schedule as a program."""
    from dnac.lowering import grouped

    return grouped.lower(graph, schedule, options)


LOWERING = Lowering(
    name="grouped",
    summary="rows stay sorted through a whole module: CUDA in bfloat16, compiled or not",
    devices=("cuda", "cpu") if os.environ.get("TRITON_INTERPRET") == "1" else ("cuda",),
    dtypes=(torch.float32, torch.bfloat16),
    lower=lower,
)

"""How the schedule would run a net on this device: its lowering and candidates, measured before or by rule."""

from __future__ import annotations

from typing import NamedTuple

import torch

from dnac.bench.base import Types
from dnac.ir.graph import Graph
from dnac.passes.pipeline import optimize
from dnac.schedule import cost_table
from dnac.schedule import types as schedule_types
from dnac.schedule.build import build_schedule
from dnac.schedule.choices import choose
from dnac.schedule.device import DeviceFacts, of_gpu, this_cpu
from dnac.text.diagnostic import Diagnostic


class Recommended(NamedTuple):
    """What `Network` is given where the user says nothing."""

    lowering: str
    why: str
    choices: dict[str, str]
    """Candidates by group; empty for lowerings that have none."""
    note: Diagnostic | None
    """Why the device's cost table was left aside, if it was."""


def recommended(graph: Graph, types: Types, device: torch.device, batch: int) -> Recommended:
    """The schedule's choice for this net, batch and device."""
    table, note = cost_table.load(device_facts(device))
    optimized = optimize(graph)
    found = choose(optimized, build_schedule(optimized), table.device, _named(types), table, batch)
    # candidates are the grouped lowering's; portable has one way for everything
    return Recommended(
        found.lowering, found.why_lowering, dict(found.summary) if found.lowering == "grouped" else {}, note
    )


def device_facts(device: torch.device) -> DeviceFacts:
    """What the schedule may know of a device that is here."""
    if device.type != "cuda":
        return this_cpu()
    facts = torch.cuda.get_device_properties(device)
    return of_gpu(facts.name, (facts.major, facts.minor), facts.total_memory)


def _named(types: Types) -> schedule_types.Types:
    return schedule_types.Types(*(str(t).removeprefix("torch.") for t in (types.weights, types.compute, types.stream)))

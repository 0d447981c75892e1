"""How a net is computed: as asked for, as the run that goes on was begun, else as the schedule chooses here."""

from __future__ import annotations

from typing import NamedTuple

import torch

from dnac.lowering.tune import advise
from dnac.schedule.types import types_of
from dnac.train.prepare import Prepared


class Way(NamedTuple):
    """A lowering and what it is to choose."""

    lowering: str
    choices: dict[str, str]
    """Candidates by group (`schedule.candidates`); empty: the lowering's own."""
    why: str = ""
    """For people, where the schedule chose."""


def way_of(prepared: Prepared, device: torch.device) -> Way:
    """The way of one run: fixed when it begins, so that it goes on as it began."""
    if prepared.options.lowering:
        return Way(prepared.options.lowering, {})
    if prepared.run:
        return Way(prepared.run.resolved["lowering"], dict(prepared.run.resolved.get("choices") or {}))
    net = prepared.checked
    found = advise(net.graph, device, types_of(net.train), prepared.settings.micro_batch)
    return Way(found.lowering, found.given, found.why_lowering)

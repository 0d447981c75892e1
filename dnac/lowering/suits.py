"""Whether a lowering's candidates suit a net on a device: what cannot run is refused, what runs slower is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Graph
from dnac.kinds.base import ModuleKind
from dnac.lowering import survey
from dnac.lowering.device import present
from dnac.schedule import instructions as do
from dnac.schedule.candidates import CANDIDATES
from dnac.schedule.choices import refused
from dnac.schedule.device import DeviceFacts
from dnac.schedule.instructions import Schedule
from dnac.schedule.questions import questions
from dnac.schedule.types import Types
from dnac.text.diagnostic import Bag, Faults

HALF = Types(work="bfloat16")


def require_suited(
    graph: Graph, schedule: Schedule, lowering: str, device: torch.device, choices: Mapping[str, str]
) -> tuple[str, ...]:
    """Notes on what runs otherwise than its lowering would have it, with places in the file.

    Raises:
        Faults: a choice names no candidate, none of this lowering's, or one that cannot serve the net;
            or the grouped products cannot serve it at all.
    """
    facts = present(device)
    is_grouped = lowering == "grouped" and device.type == "cuda"
    wanted = {"product": "aten", **choices} if is_grouped else choices
    types = HALF if lowering == "grouped" else Types()
    found = refused(graph, schedule, facts, types, wanted, lowering)
    if found:
        raise Faults(Bag(found))
    return tuple(dict.fromkeys(_slower(graph, schedule, facts, choices))) if is_grouped else ()


def _slower(graph: Graph, schedule: Schedule, facts: DeviceFacts, choices: Mapping[str, str]) -> Iterator[str]:
    segments = next(c for c in CANDIDATES["attention"] if c.name == "segments")
    wants_segments = choices.get("attention", "segments") == "segments"
    for asked in questions(graph, schedule, 1):
        place = f" (asked for at {asked.origin})" if asked.origin else ""
        why = segments.why_not(asked, HALF.work, facts) if asked.question.group == "attention" else ""
        if why and wants_segments:
            yield f"attention runs in token order under a mask: {why}{place}"
        if asked.question.group == "wide_attention":
            yield f"attention that sees more than peers runs in token order under a mask{place}"
    yield from _without_kernel(graph, schedule)
    yield from _among_those_here(schedule.instructions)


def _among_those_here(instructions: Iterable[do.AnyInstruction]) -> Iterator[str]:
    """Modules without a router, where tokens may have left: sorted as a bank of one, by the portable products."""
    for i in instructions:
        if isinstance(i, do.Repeat):
            yield from _among_those_here(i.body)
        elif isinstance(i, do.Dense) and i.away:
            place = f" (asked for at {i.origin})" if i.origin else ""
            yield f"`{i.module.set}` runs as `portable` does it, since tokens may have left{place}"


def _without_kernel(graph: Graph, schedule: Schedule) -> Iterator[str]:
    """Norms and activations of banks that no kernel knows: they run as their kinds write them, dead rows too."""
    from dnac.lowering.kernels import activations, norms

    served = {"norm": norms.SERVED, "activation": activations.SERVED}
    for entry in survey.banks(schedule.instructions):
        made = graph.module[entry]
        for part in made.parts:
            kind: ModuleKind = catalogue.get("module", part.kind.name)
            if kind.mixes_tokens and not kind.has_keys:
                place = f" (asked for at {made.origin})" if made.origin else ""
                yield f"`{kind.name}` mixes tokens in token order, rows that are skipped too: it has no kernel{place}"
            for field, known in served.items():
                given = part.kind.get(field)
                if isinstance(given, Form) and given.name not in known:
                    place = f" (asked for at {made.origin})" if made.origin else ""
                    yield f"`{field} = {given.name}` runs for every row, skipped ones too: it has no kernel{place}"

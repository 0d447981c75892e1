"""How each instruction will be computed, and why: measured where the cost table has it, by rule where not.

One candidate per group is chosen for the whole net, so that equal steps stay one program; it must
serve every instruction that asks. Whatever was left aside is said in the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.schedule import errors
from dnac.schedule import instructions as do
from dnac.schedule.candidates import CANDIDATES, REPLACED, Candidate, predicted_ms, why_not_here
from dnac.schedule.cost_table import Cost, CostTable
from dnac.schedule.device import DeviceFacts
from dnac.schedule.questions import GROUPS, Asked, questions
from dnac.schedule.types import Types
from dnac.text.diagnostic import Diagnostic

TRAINING = {"order": 1.0, "weight_gradient": 1.0, "product": 2.0}
"""Passes of a train step in forward passes, where they are not 3: an order has no gradient, a weight
gradient no forward pass, and a product's own backward pass is that to its rows."""


@dataclass(frozen=True)
class Choice:
    """How one group of one instruction is computed; times are of all its turns, in milliseconds."""

    out: str
    group: str
    candidate: str
    reason: str
    predicted_ms: float | None
    """Forward and backward, by roofline."""
    measured_ms: float | None
    """Forward and backward, where every shape was measured."""
    measured_forward_ms: float | None = None


@dataclass(frozen=True)
class Choices:
    """All choices of a net on a device."""

    lowering: str
    why_lowering: str
    each: tuple[Choice, ...]
    summary: Mapping[str, str] = field(default_factory=dict[str, str])
    """Group to candidate."""
    unmeasured: tuple[str, ...] = ()
    """Groups in which several candidates serve and were not all measured."""

    @property
    def given(self) -> dict[str, str]:
        """What to give to `Network(choices=...)`: empty for a lowering that has one way for everything."""
        return dict(self.summary) if self.lowering == "grouped" else {}


def choose(
    graph: Graph,
    schedule: do.Schedule,
    device: DeviceFacts,
    types: Types,
    table: CostTable | None = None,
    sequences: int = 8,
) -> Choices:
    """The choice for every instruction that has one."""
    asked = questions(graph, schedule, sequences)
    lowering, why = recommend(device, types)
    lost = unserved(asked, device, types, lowering)
    if lost:
        lowering, why = "portable", lost[0]
    chooser = _Chooser(device, types.work, table, lowering)
    picked = {group: chooser.pick(group, [a for a in asked if a.question.group == group]) for group in CANDIDATES}
    each: list[Choice] = []
    for group, (candidate, reason) in picked.items():
        mine = [a for a in asked if a.question.group == group]
        for out in dict.fromkeys(a.out for a in mine):
            each.append(chooser.choice(group, candidate, reason, [a for a in mine if a.out == out]))
    order = {i: n for n, i in enumerate(dict.fromkeys(a.out for a in asked))}
    each.sort(key=lambda c: (order[c.out], tuple(CANDIDATES).index(c.group)))
    summary = {c.group: c.candidate for c in each if c.group in GROUPS}
    return Choices(lowering, why, tuple(each), summary, chooser.unmeasured)


def recommend(device: DeviceFacts, types: Types) -> tuple[str, str]:
    """The lowering for a device, and why."""
    if device.kind != "cuda":
        return "portable", f"`grouped` needs a CUDA device, not {device.kind}"
    if types.work != "bfloat16":
        return "portable", f"`grouped` computes in bfloat16, and this net's products are {types.work}"
    if device.capability is not None and device.capability < (8, 0):
        return "portable", f"`grouped` needs compute capability 8.0, and {device.name} is older"
    if not _has_grouped():
        return "portable", "there is no lowering `grouped` here"
    return "grouped", "routed rows stay sorted from the first norm to the last product"


def unserved(asked: Sequence[Asked], device: DeviceFacts, types: Types, lowering: str) -> list[str]:
    """What no candidate of a lowering serves: the instruction, its place in the file, and why."""
    found: dict[str, None] = {}
    for a in asked:
        mine = [c for c in CANDIDATES[a.question.group] if lowering in c.lowerings]
        reasons = [c.why_not(a, types.work, device) for c in mine]
        if all(reasons):
            place = f" ({a.origin})" if a.origin else ""
            words = a.question.group.replace("_", " ")
            found[f"`{lowering}` cannot serve the {words} of {a.out}{place}: {reasons[0]}"] = None
    return [*found]


def _has_grouped() -> bool:
    return "grouped" in catalogue.names("lowering")


def refused(
    graph: Graph,
    schedule: do.Schedule,
    device: DeviceFacts,
    types: Types,
    wanted: Mapping[str, str],
    lowering: str = "",
) -> list[Diagnostic]:
    """A fault for each choice that names no candidate, or one that cannot serve an instruction, with its place.

    With a `lowering` also for each candidate that it does not use.
    """
    found: list[Diagnostic] = []
    for group, name in wanted.items():
        known = {c.name: c for c in CANDIDATES[group]} if group in GROUPS else {}
        if name not in known:
            offer = " or ".join(known) if known else "groups are " + ", ".join(GROUPS)
            found.append(errors.candidate_not_served(group, name, f"there is no such choice ({offer})", None))
            continue
        if lowering and lowering not in known[name].lowerings:
            found.append(errors.candidate_not_served(group, name, f"`{lowering}` does not use it", None))
            continue
        asked = (a for a in questions(graph, schedule, 1) if a.question.group == group)
        reasons = {(known[name].why_not(a, types.work, device), a.origin) for a in asked}
        found += [errors.candidate_not_served(group, name, why, origin) for why, origin in reasons if why]
    return found


class _Chooser:
    def __init__(self, device: DeviceFacts, dtype: str, table: CostTable | None, lowering: str) -> None:
        self.device, self.dtype, self.table, self.lowering = device, dtype, table, lowering
        self.unmeasured: tuple[str, ...] = ()

    def pick(self, group: str, asked: Sequence[Asked]) -> tuple[Candidate, str]:
        """The candidate of a group for all who ask, and why."""
        able, aside = self._able(group, asked)
        if not able:  # no one serves all shapes of the net alike: the last of the rule, wherever it is needed
            return CANDIDATES[group][-1], "; ".join(("where no other serves", *aside[:-1]))
        if not asked or len(able) < 2:
            return able[0], "; ".join(("the only one that serves", *aside)) if aside else able[0].rule
        found = {c.name: self._total(c, asked) for c in able}
        times = {name: ms for name, ms in found.items() if ms is not None}
        if able[0].is_fused:
            alone = ", ".join(f"{name} {ms:.3g} ms" for name, ms in times.items())
            shown = [f"by itself {alone}, which decides nothing"] if alone else []
            return able[0], "; ".join((f"by rule: {able[0].rule}", *shown, *aside))
        if len(times) < len(able):
            self.unmeasured = (*self.unmeasured, group)
        if len(times) < 2:
            return able[0], "; ".join((f"by rule: {able[0].rule}", "not measured", *aside))
        best = min(able, key=lambda c: (times.get(c.name, float("inf")), c.name))
        others = ", ".join(f"{c.name} {times[c.name]:.3g}" for c in able if c.name in times and c is not best)
        missing = [f"{c.name} was not measured" for c in able if c.name not in times]
        return best, "; ".join((f"measured {times[best.name]:.3g} ms, {others}", *missing, *aside))

    def choice(self, group: str, candidate: Candidate, reason: str, asked: Sequence[Asked]) -> Choice:
        """The choice of one instruction, with its times."""
        passes = TRAINING.get(group, 3.0)
        guesses = [(a, predicted_ms(candidate, a.question, self.dtype, self.device, passes)) for a in asked]
        guess = None if any(ms is None for _, ms in guesses) else sum((ms or 0.0) * self.share(a) for a, ms in guesses)
        costs = [(a, self.cost(candidate, a)) for a in asked]
        known = [(a, cost) for a, cost in costs if cost is not None]
        is_whole = len(known) == len(costs)
        return Choice(
            asked[0].out,
            group,
            candidate.name,
            reason,
            guess,
            sum(self.share(a) * cost.training_ms for a, cost in known) if is_whole else None,
            sum(self.share(a) * cost.forward_ms for a, cost in known) if is_whole else None,
        )

    def cost(self, candidate: Candidate, asked: Asked) -> Cost | None:
        """What the table has for one question."""
        q = asked.question
        return self.table.find(q.group, candidate.name, q.key, self.dtype) if self.table else None

    def share(self, asked: Asked) -> float:
        """How often a question's cost comes in one step; a weight gradient's covers all uses of its bank."""
        uses = asked.question["uses"] if asked.question.group == "weight_gradient" else 1
        return asked.times / uses

    def _able(self, group: str, asked: Sequence[Asked]) -> tuple[list[Candidate], list[str]]:
        """Candidates that serve all who ask, and why others do not."""
        able: list[Candidate] = []
        aside: dict[str, list[str]] = {}
        for candidate in CANDIDATES[group]:
            reason = next(filter(None, (self._why_not(candidate, a) for a in asked)), "")
            if not reason and self.lowering not in candidate.lowerings:
                measured = self._total(candidate, asked) if asked else None
                reason = f"`{self.lowering}` does not use it" + (f" ({measured:.3g} ms)" if measured else "")
            if reason:
                aside.setdefault(reason, []).append(candidate.name)
            else:
                able.append(candidate)
        return able, [f"not {' or '.join(names)}: {reason}" for reason, names in aside.items()]

    def _why_not(self, candidate: Candidate, asked: Asked) -> str:
        """Why a candidate cannot serve, with the place in the file where that is in the way."""
        reason = candidate.why_not(asked, self.dtype, self.device)
        is_of_the_file = reason and asked.origin and reason not in (why_not_here(self.dtype, self.device), REPLACED)
        return f"{reason} ({asked.origin})" if is_of_the_file else reason

    def _total(self, candidate: Candidate, asked: Sequence[Asked]) -> float | None:
        costs = [(a, self.cost(candidate, a)) for a in asked]
        if any(cost is None for _, cost in costs):
            return None
        return sum(self.share(a) * cost.training_ms for a, cost in costs if cost is not None)

"""What of a trained network does the computing: its scores with parts set to zero, beside the intact ones.

Component ablation as in Sparsity Moves Computation (arXiv 2605.09403): the increment is zero, nothing is
trained again, later parts and routers see the stream that is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dnac.ir.graph import Graph, Member
from dnac.passes.facts import chosen_per_token
from dnac.train.ablation import Ablation, Anatomy, gates, without
from dnac.train.assess import Opened
from dnac.train.routing import routing_steps

FIGURES = ("loss", "accuracy", "exact_match")
EACH = ("part", "module", "step")


def ablate(opened: Opened, zero: Sequence[str], each: Sequence[str]) -> dict[str, Any]:
    """`intact` scores, and `ablations[]`: each with what was set to zero, its scores, and their differences.

    `zero`: names (`Anatomy.find`), one row for each; by default all attention, all mlps, and both. `each`: of
    `part`, `module`, `step`: a row for every one of them. A row of a routed module has `use`: how often a
    token of the intact net chooses it, over all routing steps, and `loss_change_per_use`.

    Raises:
        Faults: DNA645.
    """
    anatomy = Anatomy(opened.network)
    rows = [("zero", a) for a in (map(anatomy.find, zero) if zero else [] if each else anatomy.usual())]
    rows += [("part", a) for a in anatomy.parts() if "part" in each]
    members = {a.name: member for member, a in anatomy.modules()} if "module" in each else {}
    rows += [("module", a) for _, a in anatomy.modules() if "module" in each]
    rows += [("step", a) for a in anatomy.steps() if "step" in each]
    intact = opened.measure()
    uses = _uses(opened.network.graph, intact)
    found = [_row(opened, sort, ablation, intact) for sort, ablation in rows]
    return {"intact": intact, "ablations": [_with_use(row, members, uses) for row in found]}


def measure_without(opened: Opened, ablation: Ablation) -> dict[str, Any]:
    """The scores of the network without something."""
    closed = gates(opened.network, ablation)
    with without(opened.network, ablation):
        return opened.measure(**({} if closed is None else {"module_gates": closed}))


def _row(opened: Opened, sort: str, ablation: Ablation, intact: Mapping[str, Any]) -> dict[str, Any]:
    found = measure_without(opened, ablation)
    changes = {f"{f}_change": None if found[f] is None else found[f] - intact[f] for f in FIGURES}
    named = {"zeroed": ablation.name, "sort": sort, "parts": list(ablation.parts)}
    return {**named, **{f: found[f] for f in FIGURES}, **changes, "accuracy_by_place": found["accuracy_by_place"]}


def _with_use(row: dict[str, Any], members: Mapping[str, Member], uses: Mapping[Member, float]) -> dict[str, Any]:
    use = uses.get(members[row["zeroed"]]) if row["sort"] == "module" else None
    return {**row, "use": use, "loss_change_per_use": row["loss_change"] / use if use else None}


def _uses(graph: Graph, intact: Mapping[str, Any]) -> dict[Member, float]:
    """How often a token chooses each candidate, summed over the routing steps."""
    uses = dict[Member, float]()
    for step in routing_steps(graph):
        choices = chosen_per_token(graph.router[step.router])
        for member, share in zip(step.candidates, intact["routers"][step.router]["load"], strict=True):
            uses[member] = uses.get(member, 0.0) + share * choices
    return uses

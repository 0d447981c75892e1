"""The plan of a net: what it holds, what it costs, and the schedule that will run.

`plan` gives the versioned JSON of `dnac plan --json` (`docs/plan.md`), `render_plan` the same for
people, with uses and sets of weights beside it.
"""

from __future__ import annotations

from typing import Any

from dnac.ir.graph import Graph
from dnac.passes.pipeline import optimize
from dnac.schedule.build import build_schedule
from dnac.schedule.cost import Costs
from dnac.schedule.instruction_cost import instruction_costs
from dnac.schedule.instructions import Schedule
from dnac.schedule.memory import memory
from dnac.schedule.paths import as_json, paths
from dnac.schedule.plan_text import render_plan as render_plan
from dnac.schedule.quantities import cases, module_count, routing_steps
from dnac.semantics.result import CheckedNet

VERSION = 1
"""Of the JSON; a reader of version 1 can read every later one that says 1."""


def plan(net: CheckedNet, level: str = "O2") -> dict[str, Any]:
    """The plan as plain values, ready for JSON."""
    graph, costs = net.graph, Costs(net.graph)
    optimized = optimize(graph, level)  # what runs: a choice that never varies costs no routing
    causal = [verdict.causal for verdict in net.verdicts.values()]
    return {
        "version": VERSION,
        "params": {"total": costs.total_params, **cases(costs.active_params, "active_")},
        "flops_per_token": cases(Costs(optimized).flops),
        "routing_steps": routing_steps(graph),
        "modules": module_count(graph),
        "paths": as_json(paths(graph)),
        "causal": None if None in causal else all(causal),
        "row_independent": all(verdict.row_independent for verdict in net.verdicts.values()),
        "memory_bytes": memory(graph, costs, net.train),
        "schedule": schedule_json(optimized, build_schedule(optimized)),
    }


def schedule_json(graph: Graph, schedule: Schedule) -> list[dict[str, Any]]:
    """One entry per instruction, as printed, with its FLOPs per token over all turns."""
    return [
        {"out": cost.out, "op": cost.op, "text": cost.text, "turns": cost.turns, "flops_per_token": cases(cost.flops)}
        for cost in instruction_costs(graph, schedule)
    ]

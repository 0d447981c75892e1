"""The plan of a net: what it holds, what it costs, and the schedule that will run.

`plan` gives the versioned JSON of `dnac plan --json` (`docs/plan.md`), `render_plan` the same for
people, with uses and sets of weights beside it.
"""

from __future__ import annotations

from typing import Any

from dnac.schedule.cost import Costs
from dnac.schedule.outlook import Outlook, outlook
from dnac.schedule.paths import as_json, paths
from dnac.schedule.plan_json import device_json, schedule_json
from dnac.schedule.plan_text import render_plan as render_plan
from dnac.schedule.quantities import cases, module_count, routing_steps
from dnac.schedule.spending import budgets_json
from dnac.semantics.result import CheckedNet

VERSION = 1
"""Of the JSON; a reader of version 1 can read every later one that says 1."""


def plan(net: CheckedNet, level: str = "O2", view: Outlook | None = None) -> dict[str, Any]:
    """The plan as plain values, ready for JSON.

    Times, choices and what fits are those of `view`, which knows a device and its cost table; without one, of a
    CPU of which nothing is known. FLOPs are those of the schedule that runs: a choice that never varies costs none.
    """
    graph, sizes = net.graph, Costs(net.graph)
    view = view or outlook(net, level)
    causal = [verdict.causal for verdict in net.verdicts.values()]
    return {
        "version": VERSION,
        "params": {"total": sizes.total_params, **cases(sizes.active_params, "active_")},
        "flops_per_token": cases(Costs(view.graph).flops),
        "routing_steps": routing_steps(graph),
        "modules": module_count(graph),
        "paths": as_json(paths(graph)),
        "budgets": budgets_json(graph),
        "causal": None if None in causal else all(causal),
        "row_independent": all(verdict.row_independent for verdict in net.verdicts.values()),
        "memory_bytes": view.memory.as_json(),
        **device_json(view),
        "schedule": schedule_json(view),
    }

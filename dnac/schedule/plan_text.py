"""The plan for people: sizes, cost, routing, weights by role, hints, and the schedule."""

from __future__ import annotations

from decimal import Decimal

from dnac.ir import traits
from dnac.ir.graph import Graph, Route
from dnac.schedule.cost import Costs, Range, total
from dnac.schedule.hints import hints
from dnac.schedule.outlook import Outlook, outlook
from dnac.schedule.paths import distinct_paths, paths
from dnac.schedule.plan_device import choice_block, device_block, instruction_block
from dnac.schedule.plan_where import Line, where_it_goes
from dnac.schedule.printer import schedule_lines
from dnac.schedule.spending import budget_lines
from dnac.schedule.words import bytes_text, table
from dnac.semantics.result import CheckedNet, Verdict

WHERE_IT_GOES = (
    "  (uses: how often it runs; sets: of weights, which several uses may share; shares of the FLOPs, of what is",
    "  kept for the backward pass, and of the predicted time)",
)


def render_plan(net: CheckedNet, level: str = "O2", view: Outlook | None = None) -> str:
    """The plan as text, ending in a line break; times, choices and what fits are those of `view`."""
    graph, sizes = net.graph, Costs(net.graph)
    view = view or outlook(net, level)
    blocks = [
        [f"{graph.name}: {_input(graph)}, width {graph.width}, {graph.tokens} tokens"],
        table([*_sizes(graph, sizes, view), *_verdicts(net)], indent=2),
        device_block(view),
        ["where it goes", *WHERE_IT_GOES, *table([Line.TITLES, *where_it_goes(graph, sizes, view)], indent=2, left=2)],
        ["hints", *(f"  {hint}" for hint in hints(net))] if hints(net) else [],
        choice_block(view),
        instruction_block(view),
        [f"schedule ({view.level})", *(f"  {line}" for line in schedule_lines(view.schedule))],
    ]
    return "\n".join(line for block in blocks if block for line in (*block, ""))


def _total(costs: Costs) -> str:
    frozen = costs.total_params - costs.trained_params
    return f"{costs.total_params:,}" + (f", {frozen:,} of them frozen" if frozen else "")


def _sizes(graph: Graph, costs: Costs, view: Outlook) -> list[tuple[str, ...]]:
    memory = view.memory
    training = memory.fixed - memory.weights["working_copies"]
    most = f"{memory.training.at}, backward" if memory.training.is_backward else memory.training.at
    steps = [node for node in traits.unrolled(graph.nodes) if isinstance(node, Route)]
    rows = [
        ("parameters", _total(costs)),
        ("active per token", _cases(costs.active_params)),
        ("FLOPs per token", _cases(total(cost.flops for cost in view.costs))),
        *_what_is_expected(total(cost.flops for cost in view.costs)),
        (
            "memory",
            f"{bytes_text(memory.weights['parameters'])} weights, {bytes_text(training)} with gradients and AdamW",
        ),
        (
            "",
            f"about {bytes_text(memory.training.size)} per sequence in training (most at {most}),"
            f" {bytes_text(memory.forward.size)} in a forward pass alone",
        ),
        ("routing steps", str(len(steps)) if steps else "none: every token takes every module"),
    ]
    rows += budget_lines(graph)
    if steps:
        rows.append(("paths", _paths(paths(graph), distinct_paths(graph))))
    return rows


def _verdicts(net: CheckedNet) -> list[tuple[str, ...]]:
    return [(f"{program} program", _verdict(verdict)) for program, verdict in net.verdicts.items()]


def _verdict(verdict: Verdict) -> str:
    causal = {True: "causal", False: "not causal", None: "no causal order"}[verdict.causal]
    rows = "row independent" if verdict.row_independent else "rows depend on one another"
    return "; ".join((f"{causal}, {rows}", *verdict.breaks))


def _what_is_expected(cost: Range) -> list[tuple[str, ...]]:
    low, _, high = (round(value) for value in cost)
    return [] if low == high else [("", "expected: declared shares of skips are kept, all else is chosen evenly")]


def _cases(cost: Range) -> str:
    low, mean, high = (f"{round(value):,}" for value in cost)
    return low if low == high else f"{mean} expected, {low} least, {high} most"


def _paths(all_paths: int, distinct: int) -> str:
    text = _number(all_paths)
    return text if distinct == all_paths else f"{text}; {_number(distinct)} where identities are alike"


def _number(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"{Decimal(n):.2e}".replace("e+", " x 10^")


def _input(graph: Graph) -> str:
    form = graph.input
    if graph.is_text:
        return f"text, {form['vocabulary']} token ids"
    size = form["size"]
    shape = "x".join(str(v) for v in (*(size if isinstance(size, tuple) else (size,)), form["channels"]))
    return f"images {shape}, {form['classes']} classes"

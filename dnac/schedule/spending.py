"""Budgets in a plan: what they allow, what the cheapest and the dearest choices cost, and the choices they lead to.

A budget's target is taken at its word, as a declared skip share is: the expected choices of every covered step are
shifted towards cheap or dear candidates until they cost as much of that step's range as the target asks of all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import BudgetSet, Graph, Route
from dnac.kinds.budgets import StepPrice, end_of, kinds_of, prices
from dnac.passes import facts


def budgeted(graph: Graph, route: Route, wanted: Sequence[float]) -> list[float]:
    """The chances of a route's candidates under the budgets that cover it; `wanted` are those without."""
    found = list(wanted)
    for budget in graph.budgets:
        if route.router in budget.routers:
            price, goal = _goal(graph, budget, route)
            if price is not None:
                found = _towards(found, price.costs, goal, graph, route)
    return found


def budgets_json(graph: Graph) -> list[dict[str, Any]]:
    """One object for each budget of a net."""
    return [_json(graph, budget) for budget in graph.budgets]


def budget_lines(graph: Graph) -> list[tuple[str, str]]:
    """The same in words."""
    return [(f"budget {each['name']}", _words(each)) for each in budgets_json(graph)]


def _json(graph: Graph, budget: BudgetSet) -> dict[str, Any]:
    params, by, means = kinds_of(budget)
    found = prices(graph, budget)
    first, last = _ends(params.target)
    arguments = [str(value) for _, value in means if isinstance(value, (str, float)) and value]
    return {
        "name": budget.name,
        "counts": budget.kind.name,
        "target": last,
        "starts": first,
        "least": found.least,
        "per": params.per,
        "by": by.name + (f"({', '.join(arguments)})" if arguments else ""),
        "routers": list(budget.routers),
        "whole": round(found.whole) if float(found.whole).is_integer() else round(found.whole, 6),
    }


def _words(each: dict[str, Any]) -> str:
    unit = f"{catalogue.get('budget', each['counts']).unit} per token"
    allowed = each["target"] * each["whole"]
    shown = f"{round(allowed):,}" if isinstance(each["whole"], int) else f"{allowed:,.4g}"
    ramp = "" if each["starts"] == each["target"] else f", from {each['starts']:.3g} on"
    return (
        f"{each['target']:.1%} of {each['whole']:,} {unit} ({shown}){ramp}; "
        f"the cheapest choices take {each['least']:.1%}; per {each['per']}, by {each['by']}"
    )


def _ends(target: float | Form) -> tuple[float, float]:
    if not isinstance(target, Form):
        return target, target
    start = target["start"]
    return float(start) if isinstance(start, (int, float)) else 1.0, end_of(target)


def _goal(graph: Graph, budget: BudgetSet, route: Route) -> tuple[StepPrice | None, float]:
    """The prices of one step, and what its choices should cost there."""
    found = prices(graph, budget)
    price, (_, target) = found.steps.get(route.step), _ends(kinds_of(budget)[0].target)
    room = 1.0 - found.least
    if price is None or room <= 0:
        return None, 0.0
    part = min(1.0, max(0.0, (target - found.least) / room))
    return price, price.least + part * (price.most - price.least)


def _towards(wanted: list[float], costs: Sequence[float], goal: float, graph: Graph, route: Route) -> list[float]:
    """Chances mixed with those of the cheapest or the dearest choices, so that they cost `goal`."""
    now = _cost(wanted, costs)
    if abs(now - goal) < 1e-12:
        return wanted
    other = _extreme(wanted, costs, graph, route, cheap=now > goal)
    far = _cost(other, costs)
    if abs(now - far) < 1e-12:
        return wanted
    part = min(1.0, max(0.0, (goal - far) / (now - far)))
    return [part * p + (1 - part) * q for p, q in zip(wanted, other, strict=True)]


def _extreme(wanted: list[float], costs: Sequence[float], graph: Graph, route: Route, *, cheap: bool) -> list[float]:
    """All choices on the cheapest or the dearest candidates, evenly over those that cost the same."""
    router = graph.router[route.router]
    if facts.may_pass(router):
        return [(p if cheap else 1.0) if cost == 0 else float(not cheap) for p, cost in zip(wanted, costs, strict=True)]
    left, found = float(facts.filled_at_end(router)), [0.0] * len(costs)
    ordered = sorted(range(len(costs)), key=lambda slot: costs[slot] if cheap else -costs[slot])
    for _, group in groupby(ordered, key=lambda slot: costs[slot]):
        slots = list(group)
        for slot in slots:
            found[slot] = min(1.0, left / len(slots))
        left -= found[slots[0]] * len(slots)
    return found


def _cost(chances: Sequence[float], costs: Sequence[float]) -> float:
    return sum(p * cost for p, cost in zip(chances, costs, strict=True))

"""`flops(target)`: a candidate costs the FLOPs of one token through it, where a full segment is there to be seen.

These are the numbers of the plan's `max` (`docs/numerics.md`, "Counts"): they are known before anything
runs and do not depend on who else chose the module.
"""

from __future__ import annotations

from dnac.kinds.budgets import BudgetKind, BudgetParams


def cost(flops: float, works: bool) -> float:
    """What one candidate costs, from its FLOPs for one token."""
    return flops


KIND = BudgetKind(
    name="flops",
    summary="Forward FLOPs of the members that a token runs through, as the plan counts them.",
    Params=BudgetParams,
    cost=cost,
    unit="FLOPs",
)

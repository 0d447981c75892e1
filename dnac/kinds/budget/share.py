"""`share(target)`: every module costs alike, an identity or a way out nothing: a share of all module runs."""

from __future__ import annotations

from dnac.kinds.budgets import BudgetKind, BudgetParams


def cost(flops: float, works: bool) -> float:
    """1 for a module, 0 for what does no work."""
    return float(works)


KIND = BudgetKind(
    name="share",
    summary="The number of modules that a token runs through, whatever their size.",
    Params=BudgetParams,
    cost=cost,
)

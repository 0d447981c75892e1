"""`price(target, costs)`: costs that the file says itself, one for each member: measured times, money, joules.

A cost is of one token through one module of the member. `costs = [3, 1, 0]` are those of the members of the pool in
order of declaration, identities and ways out too; 100 % is the dearest choice at every step, as for `flops`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dnac.kinds.budgets import BudgetKind, BudgetParams


class PriceParams(BudgetParams):
    """Arguments of `price`."""

    costs: tuple[Annotated[float, Field(ge=0)], ...]
    """What a token pays at each member of the pool, in order of declaration, in any unit: `[3, 1, 0]`."""


KIND = BudgetKind(
    name="price",
    summary="Costs that the file says, one for each member of the pool.",
    Params=PriceParams,
    written=lambda params: params.costs,
    unit="units",
)

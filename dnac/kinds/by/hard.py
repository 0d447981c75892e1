"""`hard`: a token cannot spend more than its purse, in training, evaluation and while generating.

Each token begins with a purse of the target. A candidate that costs more than what is left, after the cheapest way
through all later steps has been put aside, cannot be chosen; of several choices of one step, those that the purse
cannot pay any more are refused. So no token is ever above the target.
"""

from __future__ import annotations

from dnac.kinds.budgets import ByKind

KIND = ByKind(
    name="hard",
    summary="A purse for each token: what it cannot pay is never chosen, so nothing is ever above the target.",
    units=("token",),
    refuses=True,
)

"""`reinforce`: the score-function gradient of drawn choices (Williams 1992; SkipNet, arXiv 1711.09485).

What a draw earned is the loss of its sequence or image, less the mean of the others of the micro-batch. The weight
passes no gradient to the router.
"""

from __future__ import annotations

from dnac.kinds.grad.none import through
from dnac.kinds.rewards import RewardKind

KIND = RewardKind(
    name="reinforce",
    summary="The score-function gradient of drawn choices, by the loss of their sequence (SkipNet, arXiv 1711.09485).",
    through=through,
    needs_weight=False,
)

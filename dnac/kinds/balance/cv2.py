"""`cv2(importance, load)`: the squared coefficients of variation of importance and load (arXiv 1701.06538, eq. 6-11).

    importance_i = sum over tokens of the gate of i, kept where i is chosen and brought to sum 1
    load_i       = sum over tokens of the chance that i is chosen, were its own noise drawn again
    loss         = importance CV(importance)^2 + load CV(load)^2,        CV^2 = variance / mean^2

The chance is smooth in the scores, and so the load has a gradient: it needs `noise = normal`. Without noise (while
evaluating) a choice counts one. Identities count; biases do not enter the chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dnac.kinds.base import BalanceKind, Fault, Params, Real, RouteFacts
from dnac.kinds.params import values_of
from dnac.kinds.present import AWAY

if TYPE_CHECKING:
    from torch import Tensor


class Cv2Params(Params):
    """Arguments of `cv2`."""

    importance: Real
    """Factor of the variation of the gates (the paper: 0.1)."""
    load: Real = 0.0
    """Factor of the variation of the load (the paper: 0.1)."""


def loss(params: Cv2Params, scores: Tensor, gates: Tensor, ids: Tensor, chance: Tensor) -> Tensor:
    """Gates [B, T, M], ids [B, T, K], the chance [B, T, M] of each candidate to be chosen, to a scalar."""
    import torch

    chosen = (ids[..., None] == torch.arange(gates.shape[-1], device=ids.device)).any(-2)
    kept = torch.where(chosen, gates, 0.0)
    kept = kept / kept.sum(-1, keepdim=True).clamp_min(1e-20)
    here = (ids[..., :1] != AWAY).to(gates.dtype)
    importance: Any = params.importance  # tensors where they are scheduled
    load: Any = params.load
    return importance * _cv2((kept * here).sum((0, 1))) + load * _cv2((chance * here).sum((0, 1)))


def _cv2(of: Tensor) -> Tensor:
    """Variance over squared mean of [M]."""
    return of.var(correction=0) / (of.mean().square() + 1e-10)


def check(params: Cv2Params, facts: RouteFacts) -> Iterator[Fault]:
    """The load wants the noise that makes it smooth."""
    if any(values_of(params.load)) and facts.noise != "normal":
        yield Fault("load", "without noise on the scores the load has no gradient", "write `noise = normal`")
    if facts.gate == "none":
        yield Fault("", "`cv2` needs gates that are shares, and the gate is `none`", "use `softmax` or `sigmoid`")


KIND = BalanceKind(
    name="cv2",
    summary="Adds the squared variation of importance and load to the loss (Shazeer, arXiv 1701.06538, eq. 6-11).",
    Params=Cv2Params,
    loss=loss,
    of_chance=True,
    check=check,
)

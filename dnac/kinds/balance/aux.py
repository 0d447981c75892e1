"""`aux(weight)`: the load-balance loss of Switch: weight * M * sum_i f_i P_i (arXiv 2101.03961, eq. 4).

f_i is the share of the filled choices that fall on candidate i (sum 1, no gradient), P_i the mean
gate of i over the tokens that are here, each token's gates brought to sum 1 (softmax gates have it
already; for sigmoid this is DeepSeek-V3's form, arXiv 2412.19437, eq. 17-20, but for f_i: choices
count as they were made, biases and groups and all, where eq. 18 counts the K largest gates). Identities
count. The least value is the weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from dnac.kinds.base import BalanceKind, Fault, Params, Real, RouteFacts
from dnac.kinds.present import AWAY

if TYPE_CHECKING:
    from torch import Tensor


class AuxParams(Params):
    """Arguments of `aux`."""

    weight: Real
    """Factor of the loss."""
    per: Literal["batch", "sequence"] = "batch"
    """Whether f and P are taken over the batch, or over each sequence and then averaged."""


def loss(params: AuxParams, scores: Tensor, gates: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
    """Gates [B, T, M], ids and valid [B, T, K] to a scalar."""
    M = gates.shape[-1]
    over = (0, 1) if params.per == "batch" else (1,)
    chosen_BTM = _chosen(ids, M).to(gates.dtype)
    f = chosen_BTM.sum(over) / valid.sum((*over, -1)).clamp_min(1)[..., None]
    shares = gates / gates.sum(-1, keepdim=True).clamp_min(1e-20)
    here = (ids[..., :1] != AWAY).to(gates.dtype)
    P = (shares * here).sum(over) / here.sum(over).clamp_min(1)
    weight: Any = params.weight  # a tensor where it is scheduled
    return weight * M * (f * P).sum(-1).mean()


def check(params: AuxParams, facts: RouteFacts) -> Iterator[Fault]:
    """Raw scores have no mean share."""
    if facts.gate == "none":
        yield Fault("", "`aux` needs gates that are shares, and the gate is `none`", "use `softmax` or `sigmoid`")


def _chosen(ids: Tensor, size: int) -> Tensor:
    """Slots [B, T, K] to [B, T, M]: whether each candidate was chosen; empty slots choose none."""
    import torch

    return (ids[..., None] == torch.arange(size, device=ids.device)).any(-2)


KIND = BalanceKind(
    name="aux",
    summary="Adds weight * M * sum_i f_i P_i to the loss (Switch, arXiv 2101.03961, eq. 4).",
    Params=AuxParams,
    loss=loss,
    check=check,
)

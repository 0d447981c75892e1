"""`in_branch`: the DNA authors' released code: the weight k w_i scales the last branch, all is divided by k.

A transformer module gives (attention_i + k w_i mlp_i) / k, an attention or mlp module w_i f_i. So at
the start, where w is small, attention acts with full strength 1/k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import CombineKind

if TYPE_CHECKING:
    from torch import Tensor


def scales(weights: Tensor, k: int | Tensor) -> tuple[Tensor, Tensor]:
    """K w on the last part's increment, 1 / k on the module's."""
    import torch

    return weights * k, torch.full_like(weights, 1.0) / k


KIND = CombineKind(
    name="in_branch",
    summary="(sum_i attention_i + k w_i mlp_i) / k: the weight scales the last branch (the DNA authors' code).",
    scales=scales,
)

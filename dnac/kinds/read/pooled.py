"""`pooled`: the mean of the stream over all tokens of the sequence or image that are here.

`[h, pooled]` lets a token's choice depend on its whole sequence (DynamicViT's global feature, arXiv 2106.02034); alone
it is alike for all of them. It looks at later tokens, so a text net must say `assert not_causal(label)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import ReadKind, RouterOps

if TYPE_CHECKING:
    from torch import Tensor


def mix(x: Tensor, here: Tensor | None, ops: RouterOps) -> Tensor:
    """[B, T, D] to the mean over the T that are here, for each of them; 0 where none is."""
    import torch

    if here is None:
        return x.mean(1, keepdim=True).expand_as(x)
    total = torch.where(here[..., None], x, 0).sum(1, keepdim=True)
    return (total / here.sum(1).clamp(min=1)[:, None, None]).expand_as(x)


KIND = ReadKind(
    name="pooled",
    summary="The mean of the stream over all tokens of the sequence or image that are here; looks at later tokens.",
    is_stream=True,
    mix=mix,
    is_causal=False,
)

"""`prefix_mean`: the mean of the stream over the tokens so far, each token's own included.

What `pooled` is for a net that may not look ahead: token t reads tokens 0 to t, those that are still here, so a text
net stays causal. A text past its context is read by windows, and the mean is that of the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnac.kinds.base import ReadKind, RouterOps

if TYPE_CHECKING:
    from torch import Tensor


def mix(x: Tensor, here: Tensor | None, ops: RouterOps) -> Tensor:
    """[B, T, D] to the means over 0 to t of those that are here; 0 where none is."""
    import torch

    T = x.shape[1]
    if here is None:
        counts = torch.arange(1, T + 1, device=x.device)[:, None]
    else:
        x, counts = torch.where(here[..., None], x, 0), here.cumsum(1).clamp(min=1)[..., None]
    # a running sum has other bits on every run on some devices; a product has not
    so_far = torch.ones(T, T, dtype=x.dtype, device=x.device).tril()
    return ops.linear(x.mT, so_far.mT).mT / counts


KIND = ReadKind(
    name="prefix_mean",
    summary="The mean of the stream over the tokens so far, its own included, of those that are still here.",
    is_stream=True,
    mix=mix,
)

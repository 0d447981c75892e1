"""`last`: the module that the token has just left, as a one-hot with a row for "none yet" (Radial, arXiv 2404.04900).

The latest routing step over the same candidates counts, and the chosen candidate with the largest gate. An
identity counts like any other; a token whose every slot stayed empty has left nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnac.kinds.base import NoParams, ReadKind, RouterOps

if TYPE_CHECKING:
    from torch import Tensor


def features(params: NoParams, ops: RouterOps, dtype: Any) -> Tensor:
    """One-hot [B, T, M + 1]."""
    import torch

    slots = torch.arange(ops.candidates + 1, device=ops.last().device)
    return (ops.last()[..., None] == slots).to(dtype)


KIND = ReadKind(
    name="last",
    summary="The module of this pool that the token has just left, as a one-hot, with a row for none yet.",
    width=lambda params, size: size + 1,
    features=features,
    carries=("last",),
)

"""`normal(std)`: `torch.nn.init.trunc_normal_` with torch's own limits, as in the DNA authors' code.

Those limits are -2 and 2 themselves, not multiples of `std`: at std 0.02 nothing is cut, and the
values have the standard deviation that is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dnac.kinds.base import InitKind, Params

if TYPE_CHECKING:
    from torch import Generator, Tensor


class NormalParams(Params):
    """Arguments of `normal`."""

    std: float = Field(default=0.02, gt=0)
    """Standard deviation before the cut at -2 and 2."""


def draw(params: NormalParams, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Float32 on the CPU, whatever the network's type: the same values in every precision."""
    import torch

    values = torch.empty(shape, dtype=torch.float32)
    return torch.nn.init.trunc_normal_(values, std=params.std, a=-2.0, b=2.0, generator=generator)


KIND = InitKind(
    name="normal",
    summary="Normal around 0, cut at -2 and 2 (absolute): torch's trunc_normal_, as in the DNA authors' code.",
    Params=NormalParams,
    draw=draw,
)

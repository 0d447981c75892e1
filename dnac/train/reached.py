"""Whether gradients reach all that is trained: looked at once in a run.

A weight of which the loss knows nothing keeps its first value, and no figure shows it: a router without a gradient, a
module behind a weight of zero, a fault of a compiler. One line then says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dnac.lowering.network import Network
from dnac.train.optim import idle_modules, owner_of

WHEN = 3
"""The train step that is looked at: what starts at zero has moved by then."""


def unreached(network: Network, counts: Sequence[Tensor]) -> list[str]:
    """Names of trained parameters whose gradient is zero in every place though tokens came, in order.

    counts: choices [M + 1] of each routing step. Left out: what the graph itself leaves without a gradient.
    """
    rests = {name: bool(mask.all()) for name, mask in idle_modules(network.graph, counts).items()}
    waiting = {
        name: parameter.grad
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and name not in network.still and not rests.get(owner_of(name, rests) or "", False)
    }
    missing = [name for name, gradient in waiting.items() if gradient is None]
    present = {name: gradient for name, gradient in waiting.items() if gradient is not None}
    if present:
        zero = torch.stack([~gradient.any() for gradient in present.values()]).tolist()
        missing += [name for name, is_zero in zip(present, zero, strict=True) if is_zero]
    return [name for name in waiting if name in missing]

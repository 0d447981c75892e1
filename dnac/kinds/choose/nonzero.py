"""`nonzero`: every candidate whose gate is not zero: as many as a token opens (DiT, arXiv 2308.03409).

Slot i holds candidate i, or is empty where its gate is closed. A token may choose all of them or none;
then it passes. Beside a bias: every candidate whose gate + bias is above zero, and never a closed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnac.kinds.base import ChooseKind, Fault, NoParams, RouteFacts

if TYPE_CHECKING:
    from torch import Tensor


def choose(params: NoParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, M]."""
    import torch

    slots = torch.arange(selection.shape[-1], device=selection.device)
    return torch.where(selection.detach() > 0, slots, -1)


def fits(params: NoParams, facts: RouteFacts) -> Iterator[Fault]:
    """Some gate must be able to be zero."""
    if not facts.closes:
        message = f"`nonzero` needs gates with a true zero, and `{facts.gate}` has none"
        yield Fault("", message, "use `gate = relu_tanh(bias = 1.5)`, or `choose = all`")


KIND = ChooseKind(
    name="nonzero",
    summary="Every candidate whose gate is not zero; a token may pass (arXiv 2308.03409).",
    choose=choose,
    fits=fits,
    may_pass=True,
)

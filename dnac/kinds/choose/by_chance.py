"""`by_chance`: each candidate by itself, with its gate + bias as its chance: as many as are drawn, or none.

Slot i holds candidate i, or is empty. Of a halting step: the token leaves with the chance that its gate says, as
PonderNet does at evaluation (arXiv 2107.05407, section 2.3). Drawn while training and at evaluation alike; `threshold`
is the rule without chance. One number for each (routing seed, train step, router, sample, position, candidate); at
evaluation the train step is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dnac.kinds.base import ChooseKind, Fault, NoParams, RouteFacts, RouterOps

if TYPE_CHECKING:
    from torch import Tensor


def fits(params: NoParams, facts: RouteFacts) -> Iterator[Fault]:
    """A gate must be a chance."""
    if facts.gate == "none":
        yield Fault("", f"`by_chance` takes each gate as a chance, and the gate is `{facts.gate}`", "use `sigmoid`")


def draw(params: NoParams, selection: Tensor, ops: RouterOps) -> Tensor:
    """Gates + bias [B, T, M] less what was drawn: above zero where the candidate is chosen."""
    return selection.detach() - ops.uniform(ops.candidates, "by_chance").to(selection.dtype)


def choose(params: NoParams, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, M]."""
    import torch

    slots = torch.arange(selection.shape[-1], device=selection.device)
    return torch.where(selection > 0, slots, -1)


KIND = ChooseKind(
    name="by_chance",
    summary="Each candidate with its gate as its chance, a token may pass (PonderNet's halting, arXiv 2107.05407).",
    Params=NoParams,
    choose=choose,
    draw=draw,
    may_pass=True,
    fits=fits,
)

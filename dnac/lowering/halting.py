"""What halting steps give out, and the losses of taps. B sequences, T tokens, D width, V outputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dnac.kinds.present import AWAY
from dnac.lowering.routing import Router, Routing


class Given(NamedTuple):
    """What the halting steps of a loop have given out so far."""

    total: Tensor
    """[B, T] the chance that a token has left; in the gates' dtype."""
    now: Tensor
    """[B, T] the chance that it leaves at the last of them."""
    mean: Tensor | None
    """[B, T, D] the streams at these steps, each times the chance to leave there."""
    stream: Tensor | None = None
    """[B, T, D] the stream at the last of them, where a score asks for it; no gradient."""


def nothing(batch: int, tokens: int, device: torch.device) -> Given:
    """At a loop's begin."""
    zeros = torch.zeros(batch, tokens, device=device)
    return Given(zeros, zeros, None)


def given_out(before: Given | None, router: Router, routing: Routing, x_BTD: Tensor | None) -> Given:
    """What this step adds: a token that leaves takes all that it has left; `x` is the stream that is weighed.

    Before None: in front of a loop whose turns were chosen, what the choice's weight leaves stays with the stream `x`.
    """
    if before is None:
        assert x_BTD is not None
        rest = 1 - routing.outer.sum(-1)
        return Given(rest, rest, rest[..., None].to(x_BTD.dtype) * x_BTD)
    gates = routing.load.gates[..., 0]
    leaves = routing.ids[..., 0] >= 0
    rest = 1 - before.total
    chance = gates if router.choose[0].leaves is not None else gates * rest
    now = torch.where(leaves, rest, chance)
    now = torch.where(routing.load.ids[..., 0] != AWAY, now, 0)
    mean = before.mean
    if x_BTD is not None:
        part = now[..., None].to(x_BTD.dtype) * x_BTD
        mean = part if mean is None else mean + part
    stream = routing.view.detach() if router.score[0].sees_before else None
    return Given(before.total + now, now, mean, stream)


def settled(x_BTD: Tensor, given: Given) -> Tensor:
    """The mean of the streams; what no step gave out goes to the stream as it is."""
    rest = (1 - given.total)[..., None].to(x_BTD.dtype) * x_BTD
    return rest if given.mean is None else given.mean + rest

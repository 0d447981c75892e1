"""What halting steps give out, and who has left. B sequences, T tokens, D width, V outputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dnac.kinds.present import AWAY
from dnac.lowering.frame import Frame
from dnac.lowering.routing import Router, Routing
from dnac.schedule import instructions as do


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


def nothing(frame: Frame) -> Given:
    """At a loop's begin."""
    zeros = torch.zeros(frame.batch, frame.tokens, device=frame.inputs.device)
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


def left(frame: Frame, i: do.Presence, away_BT: Tensor | None, routing: Routing | None) -> Tensor:
    """[B, T] uint8: what each token has left (`do.Presence`), 0 while it is here."""
    if away_BT is None:
        away_BT = torch.zeros(frame.batch, frame.tokens, dtype=torch.uint8, device=frame.inputs.device)
    if i.back:
        away_BT = torch.where(away_BT >= i.back, 0, away_BT)
    # who leaves two things at once leaves the larger one, whose code is the smaller
    for slot, code in sorted(i.leaves, key=lambda pair: -pair[1]):
        assert routing is not None
        away_BT = torch.where((routing.ids == slot).any(-1), code, away_BT)
    return away_BT.to(torch.uint8)


def settled(x_BTD: Tensor, given: Given) -> Tensor:
    """The mean of the streams; what no step gave out goes to the stream as it is."""
    rest = (1 - given.total)[..., None].to(x_BTD.dtype) * x_BTD
    return rest if given.mean is None else given.mean + rest

"""`capacity(factor)`: a module takes at most ceil(factor * T * k / M) choices (Switch, arXiv 2101.03961, eq. 3).

T is the context of a text (the tokens of an image), k the choices of a token, M the candidates, so
that `factor` 1 is what a level load needs. T does not grow with the text: the limit is one number,
known before the net runs, and a token's place in the queue depends on earlier tokens only.

- `order = position`: first come, first served, whichever of its k choices it is. Causal. (GShard,
  arXiv 2006.16668, serves all first choices before any second one, which is not.)
- `order = gate`: the largest gates first, the lower position of equal ones, as in V-MoE's batch
  prioritized routing (arXiv 2106.05974, section 4). Looks at later tokens.
- `per = sequence`: each sequence has its own queues. `per = batch`: all sequences share them, with room
  for B times as many (as the papers do on one device), the first tokens of all sequences first.

A refused choice is an empty slot: id -1, weight 0, counted as empty. Identities take all that come.
Balance losses see the choices before the limit, as in Switch's own code; biases move by what ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dnac.kinds.base import Fault, Params, RouteFacts
from dnac.kinds.count import at_least
from dnac.kinds.limits import LimitKind, Room

if TYPE_CHECKING:
    from torch import Tensor


class CapacityParams(Params):
    """Arguments of `capacity`."""

    factor: float = Field(gt=0)
    """How many choices a module takes, in parts of what it gets at a level load."""
    overflow: Literal["pass"] = "pass"
    """What a refused choice does: nothing, the stream passes."""
    order: Literal["position", "gate"] = "position"
    """Who comes first: the earlier token, or the one with the larger gate (not causal)."""
    per: Literal["sequence", "batch"] = "sequence"
    """Whether each sequence has its own room, or all sequences of a batch share it."""


def most(params: CapacityParams, size: int, room: Room) -> int:
    """ceil(factor * T * k / M), and at most T; T where one sequence may use the room of others."""
    if params.per == "batch":
        return room.tokens
    return min(at_least(params.factor, room.tokens * room.k / size), room.tokens)


def admit(params: CapacityParams, ids: Tensor, gates: Tensor, room: Room) -> Tensor:
    """Slots [B, T, K] with -1 for those beyond the room."""
    import torch

    B, T, K = ids.shape
    M = gates.shape[-1]
    room_for = at_least(params.factor, (B if params.per == "batch" else 1) * room.tokens * room.k / M)
    if params.per == "batch":  # by position and then by sequence: still nobody sees what comes later
        ids, gates = (x.transpose(0, 1).reshape(1, T * B, -1) for x in (ids, gates))
    chosen_BTM = (ids[..., None] == torch.arange(M, device=ids.device)).any(-2)
    before_BTM = _before(chosen_BTM) if params.order == "position" else _above(chosen_BTM, gates.detach())
    late_BTM = before_BTM >= room_for
    if room.free:
        late_BTM[..., list(room.free)] = False
    admitted_BTK = torch.where(late_BTM.gather(-1, ids.clamp(min=0)), -1, ids)
    return admitted_BTK.reshape(T, B, K).transpose(0, 1).contiguous() if params.per == "batch" else admitted_BTK


def _before(chosen: Tensor) -> Tensor:
    """[B, T, M] bool to the number of earlier tokens that chose the same."""
    import torch

    counts = chosen.to(torch.int32)
    return counts.cumsum(1, dtype=torch.int32) - counts


def _above(chosen: Tensor, gates: Tensor) -> Tensor:
    """[B, T, M] bool to the number of tokens that chose the same with a larger gate, or an equal one earlier."""
    import torch

    order = gates.masked_fill(~chosen, -torch.inf).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(gates.shape[1], device=gates.device)[None, :, None].expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def check(params: CapacityParams, facts: RouteFacts) -> Iterator[Fault]:
    """A level load should fit, and a limit should be able to bind."""
    M = len(facts.members)
    if params.factor < 1 and not facts.identities:
        lost = 1 - params.factor
        message = f"`capacity({params.factor:g})` refuses at least {lost:.0%} of all choices, even at a level load"
        yield Fault("below", message, "write a factor of at least 1, if no token should go empty-handed")
    elif params.factor * facts.k >= M:
        message = f"`capacity({params.factor:g})` is never full: {facts.k} of {M} candidates are chosen by each token"
        yield Fault("idle", message, f"write a factor below {M / facts.k:g}, or leave the limit out")


KIND = LimitKind(
    name="capacity",
    summary="At most ceil(factor * T * k / M) choices per module; the rest pass (Switch, arXiv 2101.03961, eq. 3).",
    Params=CapacityParams,
    admit=admit,
    most=most,
    check=check,
    is_causal=lambda params: params.order == "position",
    is_row_independent=lambda params: params.per == "sequence",
)

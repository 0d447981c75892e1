"""`each_turn(member)`: a router of skips starts with the same member at every turn; at the turns `but`, with a skip.

    z'[t] = z[t] + margin * onehot(member)          at the turns of `but`: onehot(then)

For a router that serves one pool a layer, each with the layer and an identity: it then starts as the whole net, or as
the net without the layers of least residual ratio (`dnac profile`). The matrix that makes z starts at zero, as it does
under `sequential`, and margins mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dnac.kinds.base import Fault, MemberName, Params, Real, RouteFacts, RouterOps
from dnac.kinds.starts import StartKind
from dnac.kinds.tables import number, table

if TYPE_CHECKING:
    from torch import Tensor


class EachTurnParams(Params):
    """Arguments of `each_turn`."""

    member: Annotated[str, MemberName()]
    """The one module with which every turn starts."""
    but: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Turns, from 0, that start with a skip instead."""
    then: Annotated[str, MemberName()] | None = None
    """That skip: an `exit()` or an identity. Unsaid: the only one of the pool."""
    margin: Real = 20.0
    """By how much the score of the wanted one stands above the others at the start; may be a schedule."""


class ResolvedEachTurn(EachTurnParams):
    """With the slots that the names stand for."""

    slots: tuple[int, int] = (0, 0)
    """The wanted slot, and that of the turns in `but`."""


def resolve(params: ResolvedEachTurn, facts: RouteFacts) -> ResolvedEachTurn:
    """The slots of both."""
    (slot,), ways = facts.slots(params.member), _ways(params, facts)
    return params.model_copy(update={"slots": (slot, ways[0] if ways else slot)})


def fits(params: ResolvedEachTurn, facts: RouteFacts) -> Iterator[Fault]:
    """The names stand for one module and one skip."""
    if len(facts.slots(params.member)) != 1:
        count = len(facts.slots(params.member))
        yield Fault("member", f"`{params.member}` has {count} modules", "name a member of one module")
    ways = {facts.members[slot] for slot in _ways(params, facts)}
    if params.then is not None and not ways:
        yield Fault("then", f"`{params.then}` is no way out", "name an `exit()` or an identity")
    elif params.but and not ways:
        yield Fault("but", "the pool has nothing to skip with", "add `skip = identity()` to the pool")
    elif params.but and len(ways) > 1:
        names = " or ".join(f"`then = {name}`" for name in sorted(ways))
        yield Fault("then", "a token could skip in two ways", f"write {names}")


def _ways(params: EachTurnParams, facts: RouteFacts) -> list[int]:
    """The slots of what a token may skip with."""
    return [slot for slot in facts.identities if params.then in (None, facts.members[slot])]


def prefers(params: ResolvedEachTurn, ops: RouterOps) -> Tensor:
    """The wanted slot, alike for all tokens."""
    import torch

    device = ops.token_ids().device
    turn, (slot, skip) = number(ops.turn(), device), params.slots
    left_out = (turn == table(params.but or (-1,), device)).any()
    return torch.where(left_out, skip, slot)


KIND = StartKind(
    name="each_turn",
    summary="The same member at every turn, and a skip at the turns `but`: the whole net, or without some layers.",
    Params=EachTurnParams,
    Resolved=ResolvedEachTurn,
    prefers=prefers,
    resolve=resolve,
    fits=fits,
    length=lambda params: (max(params.but) + 1, True) if params.but else None,
    by_step=lambda params: bool(params.but),
    too_short=lambda params, steps: f"`but` names turn {max(params.but)}, and turns are 0 to {steps - 1}",
)

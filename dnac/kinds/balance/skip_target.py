"""`skip_target(member, share)`: the biases of identities move until they take `share` of all choices.

b_i += rate * sign(target - count), once per train step, outside autograd (arXiv 2506.22389, eq. 3).
`share` is a part of all k T choices of the router, empty slots included. It may be a schedule: a net that begins
without skips lets modules learn what is hard before it saves. `dnac plan` shows the share of its end.

- `per = step`: count = choices of this router on any identity of `member`, target = share * all.
- `per = network`: the same sums over all routers with an equal term: skips may move across depth.
- `per = identity`: each of the n identities by its own count, target = share * all / n (the authors'
  released code, where n = k).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dnac.ir.form import Form
from dnac.kinds.base import BalanceContext, BalanceKind, Fault, MemberName, Params, Real, RouteFacts
from dnac.kinds.budgets import end_of
from dnac.kinds.params import Scheduled, ShareUnit, values_of

if TYPE_CHECKING:
    from torch import Tensor


class SkipTargetParams(Params):
    """Arguments of `skip_target`."""

    member: Annotated[str, MemberName()]
    """The identities of the pool, by their member's name."""
    share: Annotated[Annotated[float, Field(ge=0, le=1)] | Form, Scheduled(), ShareUnit("all choices of a router")]
    """How many of the choices shall skip."""
    per: Literal["step", "network", "identity"] = "step"
    """Who shall reach the share: each router, their mean, or each identity for its part."""
    rate: Real = 1e-3
    """How far a bias moves in one train step, in units of the gate."""


def update(params: SkipTargetParams, context: BalanceContext) -> Tensor:
    """The change of the bias, [M] float32; 0 outside `member`."""
    import torch

    member = context.member.to(torch.float64)
    counts = context.counts.to(torch.float64)
    total, share = counts.sum() + context.empty, context.value(params.share)
    match params.per:
        case "step":
            delta = share * total - (counts * member).sum()
        case "network":
            delta = share * context.network[1].to(torch.float64) - context.network[0]
        case "identity":
            delta = share * total - counts * member.sum()
    return (context.value(params.rate) * delta.sign() * member).to(torch.float32)


def check(params: SkipTargetParams, facts: RouteFacts) -> Iterator[Fault]:
    """The member must be identities of the routed pool, and a share at most a whole."""
    strange = [value for value in values_of(params.share) if not 0 <= value <= 1]
    if strange:
        yield Fault("share", f"a share of {strange[0]:.0%} is more than all, or less than none", "use 0% to 100%")
        return
    slots = facts.slots(params.member)
    if slots and not set(slots) <= set(facts.identities):
        yield Fault("member", f"`{params.member}` is not an identity", "name a member made by `identity()`")
    elif max(values_of(params.share)) * facts.k > len(slots):
        most = len(slots) / facts.k
        message = f"{len(slots)} of `{params.member}` can take at most {most:.0%} of {facts.k} choices"
        yield Fault("share", message, f"declare {facts.k} identities, or lower the share")


KIND = BalanceKind(
    name="skip_target",
    summary="Moves the biases of identities until they take `share` of all choices (arXiv 2506.22389, eq. 3).",
    Params=SkipTargetParams,
    update=update,
    target=lambda params: end_of(params.share),
    member=lambda params: params.member,
    check=check,
)

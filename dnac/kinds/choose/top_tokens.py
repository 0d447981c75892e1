"""`top_tokens(share)`: modules choose tokens: each takes the ceil(share * T) with the largest gate + bias.

Expert choice (arXiv 2202.09368) where every module of a pool does so; Mixture-of-Depths (arXiv
2404.02258) where one module does and the other tokens pass. At least one token, ties to the lowest
position; a token whose score is not a number is never taken. Not causal: whether a token is taken
depends on later ones. `decode` says how to choose while generating.

Slot j of a token belongs to the j-th module of `member`: its id where it took the token, else -1. A
token that no module took goes to the pool's first identity, if it has one outside of `member`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dnac.kinds.base import ChooseKind, Fault, MemberName, Params, RouteFacts, ShareUnit
from dnac.kinds.count import at_least

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TopTokensParams(Params):
    """Arguments of `top_tokens`."""

    share: Annotated[float, ShareUnit("the tokens of a sequence"), Field(gt=0, le=1)]
    """How many tokens each module takes."""
    member: Annotated[str, MemberName()] | None = None
    """Whose modules choose. Unsaid: all candidates that are not identities."""
    per: Literal["sequence", "batch"] = "sequence"
    """Whether a module takes its best of each sequence, or of the whole batch."""
    of: Literal["all", "survivors"] = "all"
    """Where tokens can leave: whether the share is of all tokens, or of those that are still here."""


class ResolvedTopTokens(TopTokensParams):
    """With the slots that the names stand for."""

    takers: tuple[int, ...] = ()
    """Slots of the modules that choose."""
    rest: int | None = None
    """Slot of the identity to which the other tokens go."""


def resolve(params: ResolvedTopTokens, facts: RouteFacts) -> ResolvedTopTokens:
    """The slots of `member`, and the first identity beside them."""
    takers = _takers(params, facts)
    rest = next((slot for slot in facts.identities if slot not in takers), None)
    return params.model_copy(update={"takers": takers, "rest": rest})


def fits(params: ResolvedTopTokens, facts: RouteFacts) -> Iterator[Fault]:
    """Somebody chooses, and every other candidate is an identity."""
    takers = _takers(params, facts)
    if not takers:
        what = "all candidates are identities"
        if params.member is not None:
            is_scored = params.member in facts.members
            what = f"`{params.member}` is an identity" if is_scored else f"`{params.member}` always runs"
        yield Fault("member", f"no module can take tokens: {what}", "name a member that is a module of its own")
        return
    left = [facts.members[i] for i in range(len(facts.members)) if i not in takers and i not in facts.identities]
    if left:
        message = f"`{left[0]}` is never chosen: only modules of `{params.member}` take tokens, and the others pass"
        yield Fault("member", message, "route over that member and identities only, or leave `member` out")


def choose(params: ResolvedTopTokens, selection: Tensor) -> Tensor:
    """[B, T, M] to slots [B, T, K], one for each module that chooses."""
    import torch

    selection = selection.detach().masked_fill(selection.isnan(), -torch.inf)
    if params.per == "batch":
        B, T, M = selection.shape
        return _best(params, selection.reshape(1, B * T, M)).reshape(B, T, -1)
    return _best(params, selection)


def of_taken(params: ResolvedTopTokens, taken: Tensor) -> Tensor:
    """Whether each module takes a token, [B, T, K] bool, to slots [B, T, K]."""
    import torch

    ids = torch.where(taken, _their_slots(params, taken.device), -1)
    if params.rest is None:
        return ids
    first = torch.where(taken.any(-1), ids[..., 0], params.rest)
    return torch.cat([first[..., None], ids[..., 1:]], dim=-1)


def taken(params: ResolvedTopTokens, ids: Tensor) -> Tensor:
    """Slots [B, T, K] to whether each module took the token, [B, T, K]."""
    return (ids[..., None] == _their_slots(params, ids.device)).any(-2)


def _their_slots(params: ResolvedTopTokens, device: torch.device) -> Tensor:
    """[K] their slots, made on the device where they follow one another."""
    import torch

    first, last = params.takers[0], params.takers[-1]
    if params.takers == tuple(range(first, last + 1)):
        return torch.arange(first, last + 1, device=device)
    return torch.tensor(params.takers, device=device)


def shares(params: ResolvedTopTokens, size: int, tokens: int) -> tuple[float, ...]:
    """The part of T tokens that each slot takes; what no module takes is the identity's."""
    share = _count(params, tokens) / tokens
    found = [share if slot in params.takers else 0.0 for slot in range(size)]
    if params.rest is not None:
        found[params.rest] = (1 - share) ** len(params.takers)
    return tuple(found)


def _best(params: ResolvedTopTokens, selection: Tensor) -> Tensor:
    import torch

    wanted = selection[..., list(params.takers)]
    # stable, so that ties go to the lowest position: torch.topk promises no order
    order = wanted.argsort(dim=1, descending=True, stable=True)
    if params.of == "all":
        order = order[:, : _count(params, wanted.shape[1])]
        best = torch.zeros_like(wanted, dtype=torch.bool).scatter_(1, order, value=True)
        return of_taken(params, best & (wanted > -torch.inf))
    places = torch.arange(wanted.shape[1], device=wanted.device)[None, :, None].expand_as(order)
    rank = torch.zeros_like(order).scatter_(1, order, places)
    return of_taken(params, (rank < _counts(params, wanted)) & (wanted > -torch.inf))


def _counts(params: ResolvedTopTokens, wanted: Tensor) -> Tensor:
    """How many tokens each module takes of those that are here, [B, 1, K]: as `at_least`, and one of any."""
    import torch

    here = (wanted > -torch.inf).sum(1, keepdim=True).to(torch.float64)
    return torch.ceil(torch.round(here * params.share, decimals=9)).clamp(min=1)


def _count(params: ResolvedTopTokens, tokens: int) -> int:
    return min(max(at_least(params.share, tokens), 1), tokens)


def _takers(params: TopTokensParams, facts: RouteFacts) -> tuple[int, ...]:
    named = range(len(facts.members)) if params.member is None else facts.slots(params.member)
    return tuple(slot for slot in named if slot not in facts.identities)


KIND = ChooseKind(
    name="top_tokens",
    summary="Modules choose tokens, a share each: expert choice (arXiv 2202.09368), Mixture-of-Depths (2404.02258).",
    Params=TopTokensParams,
    Resolved=ResolvedTopTokens,
    resolve=resolve,
    fits=fits,
    k=lambda params, size: max(len(params.takers), 1),
    choose=choose,
    shares=shares,
    of_taken=of_taken,
    taken=taken,
    takers=lambda params: params.takers,
    is_share_of_all=lambda params: params.of == "all",
    is_causal=False,
    is_row_independent=lambda params: params.per == "sequence",
)

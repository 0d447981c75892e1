"""What balance losses read of a routing step, and the losses of one router over all its steps.

B sequences, T tokens, M candidates, K choices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from dnac.kinds.base import BalanceKind, ChooseKind
from dnac.kinds.present import AWAY
from dnac.lowering.routers import Router


class Load(NamedTuple):
    """What balance losses read: choices before any limit."""

    scores: Tensor
    gates: Tensor
    ids: Tensor
    """[B, T, K] as wanted; -1 for empty, `AWAY` for tokens that have left."""
    foreseen: Tensor | None = None
    """[B, T, K] scores of what stands in while generating, for each module that chooses its tokens."""
    taken: Tensor | None = None
    """[B, T, K] bool: the tokens that it took."""
    chance: Tensor | None = None
    """[B, T, M] the chance of each candidate to be chosen under the noise, where a term asks for it."""


def balance_loss(router: Router, loads: list[Load]) -> Tensor | None:
    """The router's own losses over all its routing steps, pooled; None where it has none."""
    if not router.has_loss or not loads:
        return None
    scores, gates, ids, foreseen, taken, chance = (_pooled(parts) for parts in zip(*loads, strict=True))
    valid = ids >= 0
    terms = [(kind, params) for kind, params in router.balance if kind.loss is not None]
    with torch.autocast(loads[0].gates.device.type, enabled=False):
        losses: list[Tensor] = [
            kind.loss(params, *_told(router, kind, loads, (scores, gates, ids, chance if kind.of_chance else valid)))  # type: ignore[misc]
            for kind, params in terms
        ]
        if foreseen is not None:
            losses.append(_of_those_here(router.decode[0].loss, router.decode[1], foreseen, taken, ids))
    return sum(losses[1:], losses[0]) if losses else None


def _of_those_here(loss: Any, params: Any, foreseen: Tensor, taken: Tensor, ids: Tensor) -> Tensor:
    """The loss of what stands in while generating, over the tokens that are here: the others are foreseen for sure."""
    here = ids[..., :1] != AWAY
    total = loss(params, torch.where(here, foreseen, -1e4), taken)
    return total * (here.numel() / here.sum().clamp(min=1))


def _told(
    router: Router, kind: BalanceKind, loads: list[Load], pooled: tuple[Tensor, Tensor, Tensor, Tensor]
) -> tuple[Tensor, ...]:
    """Scores, gates, ids and valid as a term's loss wants them."""
    if kind.over_steps:
        return _by_step(loads)
    choose: tuple[ChooseKind, Any] = router.choose
    takers = list(choose[0].takers(choose[1]))
    if not kind.of_takers or not takers:
        return pooled
    scores, gates, ids, _ = pooled
    return scores[..., takers], gates[..., takers], ids, choose[0].taken(choose[1], ids)  # type: ignore[misc]


def _by_step(loads: list[Load]) -> tuple[Tensor, ...]:
    """Scores, gates, ids and valid with the routing steps as a first axis."""
    scores, gates, ids = (
        torch.stack(parts) for parts in zip(*((x.scores, x.gates, x.ids) for x in loads), strict=True)
    )
    return scores, gates, ids, ids >= 0


def _pooled(parts: tuple[Tensor | None, ...]) -> Any:
    """One tensor of the same thing at several routing steps."""
    if parts[0] is None or len(parts) == 1:
        return parts[0]
    return torch.cat(parts, dim=1)  # type: ignore[arg-type]

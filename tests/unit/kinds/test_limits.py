"""Capacity and choices of tokens, against the formulas written out token by token."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch

from dnac import catalogue
from dnac.kinds.base import RouteFacts
from dnac.kinds.count import at_least
from dnac.kinds.limits import Room

B, T, M = 3, 13, 4
CAPACITY = catalogue.get("limit", "capacity")
TOP_TOKENS = catalogue.get("choose", "top_tokens")


def draws(k: int, seed: int = 0, few: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Gates [B, T, M] and the k best of each token, some slots empty; few values where ties are wanted."""
    random = torch.Generator().manual_seed(seed)
    gates = torch.randint(0, 3, (B, T, M), generator=random) / 4 if few else torch.rand(B, T, M, generator=random)
    gates[..., 0] += 0.4  # the first is crowded
    ids = gates.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    return gates, torch.where(torch.rand(ids.shape, generator=random) < 0.1, -1, ids)


def by_hand(params, ids: torch.Tensor, gates: torch.Tensor, free: tuple[int, ...]) -> list:
    """One queue for each module: the tokens in order, and a place while there is room."""
    k = ids.shape[-1]
    found = ids.tolist()
    queues = [[(b, t) for t in range(T)] for b in range(B)]
    if params.per == "batch":
        queues = [[(b, t) for t in range(T) for b in range(B)]]
    for queue in queues:
        room = math.ceil(Fraction(str(params.factor)) * len(queue) * k / M)
        for module in set(range(M)) - set(free):
            waiting = [(b, t) for b, t in queue if module in ids[b, t].tolist()]
            if params.order == "gate":
                waiting.sort(key=lambda at: -gates[at[0], at[1], module].item())  # a stable sort
            for b, t in waiting[room:]:
                found[b][t] = [-1 if slot == module else slot for slot in found[b][t]]
    return found


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 1.25, 2.0])
@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("order", ["position", "gate"])
@pytest.mark.parametrize("per", ["sequence", "batch"])
def test_capacity_is_a_queue_for_each_module(factor: float, k: int, order: str, per: str) -> None:
    params = CAPACITY.Params(factor=factor, order=order, per=per)
    for seed, free in ((0, ()), (1, (3,)), (2, (0, 1))):
        gates, ids = draws(k, seed, few=seed == 2)
        found = CAPACITY.admit(params, ids, gates, Room(T, k, free))
        assert found.tolist() == by_hand(params, ids, gates, free)


def test_a_refused_choice_stays_refused() -> None:
    for order in ("position", "gate"):
        params = CAPACITY.Params(factor=0.5, order=order)
        gates, ids = draws(2)
        once = CAPACITY.admit(params, ids, gates, Room(T, 2))
        assert not torch.equal(once, ids)
        assert torch.equal(CAPACITY.admit(params, once, gates, Room(T, 2)), once)


def test_one_token_has_room_even_where_the_factor_is_tiny() -> None:
    gates, ids = draws(1)
    found = CAPACITY.admit(CAPACITY.Params(factor=1e-6), ids, gates, Room(T, 1))
    assert ((found == 0).sum(1) == 1).all()


def test_room_is_that_of_the_whole_context_however_short_the_text() -> None:
    params = CAPACITY.Params(factor=1.0)
    gates, ids = draws(1)
    whole = CAPACITY.admit(params, ids, gates, Room(T, 1))
    for length in (1, 5, 9):
        part = CAPACITY.admit(params, ids[:, :length], gates[:, :length], Room(T, 1))
        assert torch.equal(part, whole[:, :length])


@pytest.mark.parametrize(
    ("share", "whole", "count"), [(1.1, 10, 11), (0.1, 30, 3), (0.7, 10, 7), (1 / 3, 12, 4), (0.125, 9, 2)]
)
def test_a_share_is_what_was_written_and_not_its_double(share: float, whole: int, count: int) -> None:
    assert at_least(share, whole) == count


# --- modules that choose tokens ---


def taken_by_hand(selection: torch.Tensor, share: float, takers: tuple[int, ...], rest: int | None) -> list:
    """Each module sorts the tokens of a sequence and takes the first ones."""
    batch, tokens, _ = selection.shape
    found = [[[-1] * len(takers) for _ in range(tokens)] for _ in range(batch)]
    for b in range(batch):
        for place, module in enumerate(takers):
            fit = [t for t in range(tokens) if selection[b, t, module] > -math.inf]
            best = sorted(fit, key=lambda t: -selection[b, t, module].item())
            for t in best[: max(1, math.ceil(round(share * tokens, 9)))]:
                found[b][t][place] = module
        for slots in found[b]:
            if rest is not None and set(slots) == {-1}:
                slots[0] = rest
    return found


@pytest.mark.parametrize("share", [0.01, 0.125, 0.5, 1.0])
@pytest.mark.parametrize(("takers", "rest"), [((0, 1, 2, 3), None), ((0, 1, 2), 3), ((2,), 0), ((1,), None)])
@pytest.mark.parametrize("few", [False, True])
def test_each_module_takes_its_best_tokens(share: float, takers: tuple[int, ...], rest: int | None, few: bool) -> None:
    gates, _ = draws(1, few=few)
    gates[0, 2] = -torch.inf
    gates[1, 3, takers[0]] = torch.nan
    params = TOP_TOKENS.Resolved(share=share, takers=takers, rest=rest)
    found = TOP_TOKENS.choose(params, gates)
    assert found.tolist() == taken_by_hand(gates, share, takers, rest)
    assert TOP_TOKENS.of_taken(params, TOP_TOKENS.taken(params, found)).tolist() == found.tolist()


def test_over_a_batch_one_sequence_may_take_all() -> None:
    gates = torch.zeros(2, 4, 1)
    gates[1] = 1.0
    found = TOP_TOKENS.choose(TOP_TOKENS.Resolved(share=0.5, per="batch", takers=(0,)), gates)
    assert found.squeeze(-1).tolist() == [[-1] * 4, [0] * 4]


def test_names_become_slots() -> None:
    facts = RouteFacts(("a", "a", "skip", "b"), (2,), 0, "softmax")
    every = TOP_TOKENS.resolve(TOP_TOKENS.Resolved(share=0.5), facts)
    assert (every.takers, every.rest) == ((0, 1, 3), 2)
    assert not list(TOP_TOKENS.fits(every, facts))
    one = TOP_TOKENS.Resolved(share=0.5, member="a")
    assert TOP_TOKENS.resolve(one, facts).takers == (0, 1)
    assert "`b` is never chosen" in next(iter(TOP_TOKENS.fits(one, facts))).message
    assert TOP_TOKENS.shares(TOP_TOKENS.resolve(one, facts), 4, 10) == (0.5, 0.5, 0.25, 0.0)

"""Sorting rows by module, and what a bank sees of the order."""

from __future__ import annotations

import pytest
import torch

from dnac.lowering.rows import bank_rows, cleared, from_bank, own_rows, sort_rows, spread, to_bank

# two sequences of three tokens, two choices each; slots 0..3, of which 3 and 1 run; -1 is empty
IDS = torch.tensor([[[0, 1], [3, -1], [1, 3]], [[1, 2], [0, 3], [3, 1]]])
RUNS = (3, 1)


def test_rows_are_sorted_by_module_in_the_order_of_the_banks_and_stay_in_order() -> None:
    order, inverse, bounds, _ = sort_rows(IDS, RUNS, 4)
    of_three, of_one = [2, 5, 9, 10], [1, 4, 6, 11]
    assert order[:8].tolist() == of_three + of_one
    assert order[8:].tolist() == [0, 3, 7, 8]
    assert bounds.tolist() == [0, 4, 8] and bounds.dtype == torch.int32
    assert torch.equal(order[inverse], torch.arange(12))


def test_a_bank_has_its_own_rows_first() -> None:
    rows = bank_rows(sort_rows(IDS, RUNS, 4), 1, 1)
    assert rows.order[:4].tolist() == [1, 4, 6, 11]
    assert rows.ends.tolist() == [4]
    assert rows.live.tolist() == [True] * 4 + [False] * 8
    assert torch.equal(rows.order[rows.inverse], torch.arange(12))


def test_a_bank_knows_each_rows_module() -> None:
    rows = bank_rows(sort_rows(IDS, (3, 0, 1), 4), 0, 3)
    slots = torch.tensor([3, 0, 1])[rows.module][rows.live]
    assert slots.tolist() == IDS.flatten()[rows.order][rows.live].tolist()


@pytest.mark.parametrize("ids", [[[[-1]] * 5], [[[0]] * 5], [[[2]] * 5]])
def test_one_sided_choices_have_legal_bounds(ids: list) -> None:
    rows = bank_rows(sort_rows(torch.tensor(ids), (0, 1), 3), 0, 2)
    assert rows.ends.tolist() == ([5, 5] if ids[0][0] == [0] else [0, 0])
    assert rows.live.sum() == rows.ends[-1]


def test_rows_go_to_a_bank_and_back_with_their_gradients() -> None:
    rows = bank_rows(sort_rows(IDS, RUNS, 4), 1, 1)
    x = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(from_bank(to_bank(x, rows), rows), x)
    assert torch.autograd.gradcheck(lambda v: to_bank(v, rows), x)
    assert torch.autograd.gradcheck(lambda v: from_bank(v, rows), x)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (1, 1), (0, 2)])
def test_without_its_dead_rows_a_bank_holds_and_gives_back_the_same(first: int, count: int) -> None:
    whole = sort_rows(IDS, RUNS, 4)
    full, own = bank_rows(whole, first, count), own_rows(whole, first, count)
    live = int(full.ends[-1])
    assert own.order.tolist() == full.order[:live].tolist() and own.module.tolist() == full.module[:live].tolist()
    assert own.ends.tolist() == full.ends.tolist() and own.live.all() and len(own.live) == live
    x = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    there = [from_bank(cleared(to_bank(x, rows), rows) * 2, rows) for rows in (full, own)]
    assert torch.equal(*there) and bool((there[0] != 0).any())
    slope = torch.randn(12, 3, dtype=torch.float64)
    assert torch.equal(*(torch.autograd.grad(made, x, slope)[0] for made in there))
    assert torch.autograd.gradgradcheck(lambda v: from_bank(to_bank(v, own) ** 2, own), x)


def test_a_bank_without_rows_keeps_its_dead_ones() -> None:
    rows = own_rows(sort_rows(torch.full((1, 3, 1), -1), (0,), 1), 0, 1)
    assert rows.among is None and not rows.live.any() and len(rows.live) == 3


def test_spread_values_reach_live_rows_and_sum_their_gradients() -> None:
    rows = bank_rows(sort_rows(IDS, RUNS, 4), 0, 2)
    gains = torch.tensor([[1.0], [10.0]], requires_grad=True)
    found = spread(gains, rows)
    assert found[:8, 0].tolist() == [1.0] * 4 + [10.0] * 4
    weights = torch.arange(12.0)[:, None]
    (found * weights).sum().backward()
    assert gains.grad is not None and gains.grad.tolist() == [[0 + 1 + 2 + 3], [4 + 5 + 6 + 7]]

"""The computed permutation of samples."""

import numpy as np
import pytest

from dnac.data.order import FEW, _permuted, _whole, draws, order


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 17, 1000, 4097])
def test_an_epoch_holds_every_sample_once(n: int) -> None:
    assert sorted(order(3, 0, np.arange(n), n)) == list(range(n))


def test_a_part_of_an_epoch_does_not_depend_on_the_rest() -> None:
    whole = order(1, 2, np.arange(1000), 1000)
    assert (order(1, 2, np.arange(400, 700), 1000) == whole[400:700]).all()


@pytest.mark.parametrize("n", [1, 5, 673, FEW - 1, FEW])
def test_an_order_that_is_kept_is_the_one_that_is_computed(n: int) -> None:
    turns = np.random.default_rng(0).integers(0, n, 50)
    for epoch in (0, 1, 0):
        found = order(5, epoch, turns, n)
        assert (found == _permuted(5, epoch, turns, n)).all() and found.dtype == np.int64
        found[:] = -1  # a copy: the kept one stays
    assert _whole.cache_info().currsize <= 8


def test_seed_and_epoch_change_the_order() -> None:
    first = order(1, 0, np.arange(500), 500)
    for other in (order(2, 0, np.arange(500), 500), order(1, 1, np.arange(500), 500)):
        assert (first == other).mean() < 0.02


def test_the_order_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert order(0, 0, np.arange(8), 8).tolist() == [2, 7, 1, 5, 6, 4, 3, 0]
    assert order(7, 3, np.arange(3), 10**12).tolist() == [260366544117, 534693666057, 233838190597]


def test_neighbours_in_the_order_are_not_neighbours_in_the_data() -> None:
    found = order(0, 0, np.arange(10_000), 10_000)
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.03
    assert abs(np.corrcoef(np.arange(10_000), found)[0, 1]) < 0.03


def test_draws_of_purposes_are_unlike_and_even() -> None:
    first, second = (draws(0, 0, purpose, np.arange(10_000)) for purpose in (1, 2))
    assert (first != second).all()
    assert abs((first >> np.uint64(63)).mean() - 0.5) < 0.02

"""Ratios and savings on timings made up here."""

from __future__ import annotations

import pytest

from dnac.bench.statistics import ratios, saving, spread


def test_median_and_quartiles_of_odd_and_even_counts():
    assert spread([3, 1, 2, 5, 4]).as_json() == {"median": 3, "q1": 2, "q3": 4, "n": 5}
    assert spread([1, 2, 3, 4]).as_json() == {"median": 2.5, "q1": 1.75, "q3": 3.25, "n": 4}
    assert spread([7]).as_json() == {"median": 7, "q1": 7, "q3": 7, "n": 1}


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_a_ratio_above_one_means_faster_than_the_baseline():
    assert ratios([20, 20, 20], [10, 10, 10]).median == 2


def test_ratios_are_paired_so_that_drift_cancels():
    drift = [1, 2, 4, 8, 3]
    found = ratios([10 * d for d in drift], [8 * d for d in drift])
    assert (found.median, found.low, found.high) == (1.25, 1.25, 1.25)


def test_ratios_need_as_many_turns_on_both_sides():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        ratios([1, 2], [1])


def test_the_probes_saving():
    assert saving(79.9, 64.7, 16.2, 0.5) == pytest.approx(0.477, abs=1e-3)
    assert saving(100, 60, 20, 0.5) == 1.0
    assert saving(100, 100, 20, 0.5) == 0.0

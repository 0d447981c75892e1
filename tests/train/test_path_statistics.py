"""Statistics of paths: laws are recovered from samples of themselves, and chance is not taken for knowledge."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dnac.train.path_information import entropy, information, path_statistics
from dnac.train.path_laws import LEAST, laws, zeta


def of_power(alpha: float, n: int, seed: int = 0) -> list[int]:
    """Samples of the discrete power law from 1 on, by its distribution function."""
    top = np.arange(1, 200_000)
    below = np.cumsum(top**-alpha) / zeta(alpha, 1.0)[0]
    return (1 + np.searchsorted(below, np.random.default_rng(seed).random(n))).tolist()


def test_zeta_is_its_sum() -> None:
    assert zeta(2.0, 1.0)[0] == pytest.approx(math.pi**2 / 6, rel=1e-9)
    assert zeta(1.5, 7.0)[0] == pytest.approx(2.612375348685488 - sum(k**-1.5 for k in range(1, 7)), rel=1e-9)


@pytest.mark.parametrize("alpha", [1.8, 2.5])
def test_the_exponent_of_a_power_law_is_found_and_a_lognormal_is_not_preferred(alpha: float) -> None:
    found = laws(of_power(alpha, 4000))
    assert found is not None
    assert abs(found.alpha - alpha) < 4 * found.alpha_error
    assert found.distance < 0.05
    assert found.verdict != "lognormal"


def test_a_lognormal_is_told_from_a_power_law() -> None:
    draw = np.random.default_rng(1)
    found = laws(np.rint(np.exp(draw.normal(4.0, 0.8, 5000))).astype(int).tolist())
    assert found is not None
    whole = laws([c for c in np.rint(np.exp(draw.normal(1.5, 0.8, 5000))).astype(int).tolist() if c > 0])
    assert whole is not None
    assert found.verdict != "power law" and whole.verdict != "power law"


def test_the_lognormal_of_a_whole_sample_is_recovered() -> None:
    from dnac.train.path_laws import _lognormal

    sample = np.rint(np.exp(np.random.default_rng(2).normal(3.0, 0.7, 8000)))
    values, times = np.unique(sample[sample > 0], return_counts=True)
    mu, sigma = _lognormal(values, times.astype(float))
    assert (mu, sigma) == (pytest.approx(3.0, abs=0.05), pytest.approx(0.7, abs=0.05))


@pytest.mark.parametrize(("mu", "sigma"), [(3.0, 0.7), (-40.0, 6.0), (-1000.0, 30.0), (2.0, 0.1)])
def test_the_lognormal_is_a_distribution_however_far_out_its_middle_lies(mu: float, sigma: float) -> None:
    from dnac.train.path_laws import _log_lognormal

    found = _log_lognormal(np.arange(11.0, 40_000.0), mu, sigma)
    assert np.isfinite(found[:20]).all() and (found <= 1e-9).all()
    assert np.exp(found).sum() == pytest.approx(1.0, abs=2e-2)


def test_a_power_law_is_not_taken_for_a_lognormal_with_its_middle_at_minus_infinity() -> None:
    found = laws(of_power(2.2, 30_000, seed=5))
    assert found is not None and abs(found.alpha - 2.2) < 4 * found.alpha_error
    assert abs(found.vuong) < 3 and found.verdict != "lognormal"


def test_xmin_leaves_out_what_follows_no_law() -> None:
    tail = [9 + x for x in of_power(2.2, 3000, seed=3)]
    body = np.random.default_rng(0).integers(1, 10, 3000).tolist()
    found = laws([*body, *tail])
    assert found is not None and found.xmin >= 9


def test_few_counts_are_not_fitted() -> None:
    assert laws(of_power(2.0, LEAST - 1)) is None
    assert laws([7] * 500) is None


def test_information_is_that_of_small_tables() -> None:
    x = np.array([0, 0, 1, 1] * 25)
    assert entropy(x) == pytest.approx(math.log(2))
    assert information(x, x) == pytest.approx(math.log(2))
    assert information(x, np.array([0, 1, 0, 1] * 25)) == pytest.approx(0.0, abs=1e-12)
    z = np.array([0, 1, 1, 0] * 25)  # the exclusive or of the two others
    assert information(x, np.array([0, 1, 0, 1] * 25), z) == pytest.approx(math.log(2))


def test_choices_that_follow_the_token_tell_nothing_of_the_context_and_the_other_way_round() -> None:
    draw = np.random.default_rng(0)
    tokens, context = draw.integers(0, 40, 4000), draw.integers(0, 40, 4000)
    by_token, by_context, by_chance = tokens % 5, context % 5, draw.integers(0, 5, 4000)
    found = path_statistics(np.stack([by_token, by_context, by_chance], 1), tokens, context)
    token, beyond, chance = found["steps"]
    assert token["token_share"] == pytest.approx(1.0, abs=0.06) and token["context_share"] is None
    assert beyond["context"] == pytest.approx(beyond["entropy"], rel=0.5) and abs(beyond["token"]) < 0.01
    assert abs(chance["context"]) < 0.02 and abs(chance["token"]) < 0.01
    assert information(by_chance, context, tokens) > 0.5, "as counted, chance would look like knowledge"


def test_paths_are_counted_and_their_entropy_is_corrected() -> None:
    steps = np.array([[0, 1], [0, 1], [1, 1], [1, 0]])
    found = path_statistics(steps, np.zeros(4, int), np.zeros(4, int))
    assert (found["tokens"], found["paths"]) == (4, 3)
    assert found["entropy"] == pytest.approx(1.5 * math.log(2) + 2 / 8)
    assert found["effective_paths"] == pytest.approx(math.exp(found["entropy"]))

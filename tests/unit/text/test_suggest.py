"""Near names."""

from __future__ import annotations

import pytest

from dnac.text.suggest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "near"), [("rout", "route"), ("ROUTE", "route"), ("Repeet", "repeat"), ("zzz", None), ("", None)]
)
def test_the_nearest_name_is_suggested_and_nothing_far(word: str, near: str | None):
    assert nearest(word, ("route", "repeat", "router")) == near


def test_a_suggestion_is_spelt_as_declared():
    assert nearest("x1", ["X1"]) == "X1"
    assert did_you_mean("rmss", ["layer", "rms"]) == "did you mean `rms`?"
    assert did_you_mean("q", ["layer", "rms"]) == ""

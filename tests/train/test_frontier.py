"""A routed net beside dense nets of as much work: straight between two depths of the same seed, nothing outside."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def frontier() -> ModuleType:
    """`examples/experiments/frontier.py`, imported as the scripts do."""
    sys.path.insert(0, str(ROOT / "examples" / "experiments"))
    return importlib.import_module("frontier")


def made(arm: str, seed: int, work: float, loss: float) -> dict[str, Any]:
    """A result file."""
    return {"arm": arm, "seed": seed, "figures": {"work": work, "loss": loss}}


ROWS = [made("a", 1, 1.0, 3.0), made("b", 1, 4.0, 2.0), made("a", 2, 1.0, 5.0), made("b", 2, 4.0, 4.0)]


def excess(frontier: ModuleType, *more: dict[str, Any], log: bool = True) -> list[float | None]:
    """Of the rows behind those of the dense nets."""
    found = frontier.beside([*ROWS, *more], ("a", "b"), "work", log=log)
    assert [row["figures"]["excess"] for row in found[:4]] == [None] * 4
    return [row["figures"]["excess"] for row in found[4:]]


def test_the_dense_net_of_equal_work_lies_between_its_neighbours_of_the_same_seed(frontier: ModuleType) -> None:
    rows = made("mod", 1, 2.0, 2.4), made("mod", 2, 2.0, 4.6), made("mod", 1, 4.0, 2.0)
    assert excess(frontier, *rows) == pytest.approx([-0.1, 0.1, 0.0])
    assert excess(frontier, made("mod", 1, 2.5, 2.4), log=False) == pytest.approx([-0.1])
    assert math.isclose(frontier.on_frontier(0.5, [(1.0, 3.0), (0.0, 4.0)], log=False), 3.5)


def test_what_cannot_be_compared_has_no_figure(frontier: ModuleType) -> None:
    assert excess(frontier, made("mod", 1, 4.1, 2.0), made("mod", 1, 0.9, 2.0), made("mod", 3, 2.0, 2.0)) == [None] * 3

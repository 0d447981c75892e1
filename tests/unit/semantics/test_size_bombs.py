"""What asks for far too much is refused soon and in little memory, and `dnac limits` says what too much is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bombs
from dnac.text import limits

SECONDS, MEMORY = 1.0, 300
"""Processor time for each, and MiB for all of them together."""
LOAD = 3
"""A machine that others use too takes longer over the same work."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], float]]:
    folder = tmp_path_factory.mktemp("bombs")
    command = [sys.executable, bombs.__file__, str(folder)]
    root = Path(__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    made = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=env)
    assert made.returncode == 0, made.stderr[-2000:]
    lines = [json.loads(line) for line in made.stdout.splitlines()]
    return {name: (codes, figure) for name, codes, figure in lines}


def test_every_bomb_is_refused_with_a_code(outcomes: dict[str, tuple[list[str], float]]) -> None:
    assert len(outcomes) > 130
    assert [name for name, (codes, _) in outcomes.items() if not codes and name != "peak"] == []


def test_every_bomb_is_refused_within_a_second(outcomes: dict[str, tuple[list[str], float]]) -> None:
    slow = {name: seconds for name, (_, seconds) in outcomes.items() if name != "peak" and seconds > SECONDS * LOAD}
    assert slow == {}


def test_all_bombs_together_need_little_memory(outcomes: dict[str, tuple[list[str], float]]) -> None:
    assert outcomes["peak"][1] < MEMORY


def test_every_budget_is_told() -> None:
    names = {name for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)}
    told = [limit.value for limit in limits.LIMITS]
    assert all(getattr(limits, name) in told for name in names)
    assert len({limit.name for limit in limits.LIMITS}) == len(limits.LIMITS)

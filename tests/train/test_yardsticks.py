"""The yardsticks are honest: right on cases that can be worked out by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def yardsticks() -> ModuleType:
    """`examples/yardsticks.py`."""
    path = Path(__file__).parents[2] / "examples" / "yardsticks.py"
    spec = importlib.util.spec_from_file_location("yardsticks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_hand(train: bytes, valid: bytes) -> float:
    """Witten-Bell, one byte at a time."""

    def chance(context: bytes, byte: int, order: int) -> float:
        if order == 0:
            return 1 / 256
        h = context[len(context) - order + 1 :]
        followers = [train[i + len(h)] for i in range(len(train) - len(h)) if train[i : i + len(h)] == h]
        lower = chance(context, byte, order - 1)
        if not followers:
            return lower
        kinds = len(set(followers))
        return (followers.count(byte) + kinds * lower) / (len(followers) + kinds)

    chances = [chance(valid[i - 2 : i], valid[i], 3) for i in range(2, len(valid))]
    return float(-np.log2(chances).mean())


@pytest.mark.parametrize("valid", [b"the cat sat", b"zebra \xff\x00 cat", b"aaaaaaa"])
def test_the_trigram_model_is_that_of_the_formula(yardsticks: ModuleType, valid: bytes) -> None:
    train = b"the cat and the hat and the mat sat on the cat"
    arrays = [np.frombuffer(t, np.uint8).astype(np.int64) for t in (train, valid)]
    assert yardsticks.trigram_bits_per_byte(*arrays) == pytest.approx(by_hand(train, valid), rel=1e-12)


def test_its_chances_sum_to_one(yardsticks: ModuleType) -> None:
    train = np.random.default_rng(0).integers(0, 256, 3000)
    for context in ((5, 9), tuple(train[:2]), tuple(train[-2:])):
        valid = np.array([(*context, c) for c in range(256)]).flatten()
        assert yardsticks.trigram_chances(train, valid)[::3].sum() == pytest.approx(1)


def test_ridge_regression_separates_what_a_line_separates(yardsticks: ModuleType) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 400)
    pixels = np.eye(3)[labels] @ random.normal(size=(3, 20)) + 0.3 * random.normal(size=(400, 20))
    assert yardsticks.ridge_accuracy((pixels[:300], labels[:300]), (pixels[300:], labels[300:])) > 0.95
    noise = random.permutation(labels)
    assert yardsticks.ridge_accuracy((pixels[:300], noise[:300]), (pixels[300:], noise[300:])) < 0.5

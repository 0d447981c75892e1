"""What all tests share: golden files, Hypothesis profiles, and marks that follow from the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import golden
from dnac import catalogue

TESTS = Path(__file__).parent
TORCH_FREE = ("text", "syntax", "ir", "catalogue", "semantics", "passes", "schedule", "front", "lsp")
"""Folders of `tests/unit` whose tests run without torch (`make check` runs them)."""

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the tests print as the new goldens")


def pytest_configure(config: pytest.Config) -> None:
    golden.UPDATE = bool(config.getoption("--update-goldens")) and not os.environ.get("CI")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parts = item.path.relative_to(TESTS).parts
        if parts[0] == "architecture" or (parts[0] == "unit" and parts[1] in TORCH_FREE):
            item.add_marker("torchfree")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


@pytest.fixture(autouse=True, scope="session")
def what_this_machine_has_measured_stays_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Plans and choices are those of a machine on which nothing was measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DNAC_COSTS", str(tmp_path_factory.mktemp("costs")))
        yield


@pytest.fixture(autouse=True)
def folders_of_kinds_stay_with_their_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test adds by `--kinds` is gone for the next, in whatever order they run."""
    monkeypatch.setattr(catalogue, "_extra", list(catalogue._extra))

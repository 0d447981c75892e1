"""How a run is computed: as asked for, as it began, else as the schedule chooses on the device."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dnac.ir.form import form
from dnac.lowering import tune
from dnac.schedule import choices
from dnac.schedule.device import KNOWN
from dnac.semantics.result import CheckedNet
from dnac.train.way import Way, way_of
from graphs import tiny_text

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def prepared(lowering: str | None = None, run: dict[str, Any] | None = None) -> Any:
    """The parts of a prepared run that decide."""
    net = CheckedNet("tiny", tiny_text(), form("train", precision=form("bf16")))
    began = SimpleNamespace(resolved=run) if run else None
    return SimpleNamespace(
        options=SimpleNamespace(lowering=lowering), run=began, checked=net, settings=SimpleNamespace(micro_batch=2)
    )


@pytest.fixture(autouse=True)
def h200(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_has_grouped", lambda: True)
    known = tune.present
    monkeypatch.setattr(tune, "present", lambda device: KNOWN["h200"] if device == CUDA else known(device))


def test_what_was_asked_for_is_taken() -> None:
    assert way_of(prepared("reference"), CUDA) == Way("reference", {})


def test_a_run_goes_on_as_it_began() -> None:
    began = {"lowering": "grouped", "choices": {"attention": "mask"}}
    assert way_of(prepared(run=began), CUDA) == Way("grouped", {"attention": "mask"})
    assert way_of(prepared(run={"lowering": "portable"}), CUDA) == Way("portable", {})


def test_else_the_schedule_chooses_for_the_device() -> None:
    lowering, chosen, why = way_of(prepared(), CUDA)
    assert (lowering, chosen["attention"], chosen["weight_gradient"]) == ("grouped", "mask", "joined")
    assert why
    assert way_of(prepared(), CPU)[:2] == ("portable", {})

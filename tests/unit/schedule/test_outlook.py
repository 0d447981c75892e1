"""A net on a device: what fits, how long it takes by roofline, what was measured, and what does not fit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from checking import good
from dnac.ir.form import form
from dnac.schedule.cost_table import Cost, CostTable, Key
from dnac.schedule.device import KNOWN, DeviceFacts
from dnac.schedule.outlook import ADAMW, PASSES, Outlook, outlook
from dnac.schedule.plan import plan, render_plan
from dnac.schedule.questions import questions
from dnac.schedule.types import batch_of, types_of
from dnac.semantics.result import CheckedNet
from dnac.text.explain import page
from graphs import tiny_text

NET = CheckedNet("tiny", tiny_text(), None)
SLOW = DeviceFacts("cuda", "slow", memory=2**20, ceiling={"float32": 1e9, "bytes": 1e9})


def table(view: Outlook, ms: float) -> CostTable:
    """Each question of a net measured for the candidate that was chosen."""
    names = {c.group: c.candidate for c in view.choices.each}
    asked = questions(view.graph, view.schedule, view.sequences)
    entries = {
        Key(a.question.group, names[a.question.group], a.question.key, view.types.work): Cost(ms, 3 * ms) for a in asked
    }
    return CostTable(view.device, entries)


def test_times_are_the_roofline_of_each_instruction() -> None:
    view = outlook(NET, device=SLOW, sequences=4)
    for cost in view.costs:
        work, moved = 48 * cost.flops.expected / 1e9, cost.moved.total(48) / 1e9
        times = view.times[cost.out]
        assert times.forward == pytest.approx(1e3 * max(work, moved))
        assert times.training == pytest.approx(PASSES * 1e3 * max(work, moved))
    logits = 4 * 12 * 256
    assert view.loss_ms == pytest.approx(1e3 * 2 * logits * (4 + 4) / 1e9)
    assert view.step_ms == pytest.approx(view.training_ms + view.loss_ms + view.optimizer_ms)
    assert view.optimizer_ms == pytest.approx(1e3 * ADAMW * 4 * 24160 / 1e9)


def test_nothing_is_predicted_of_a_device_of_which_nothing_is_known() -> None:
    found = plan(NET)
    assert found["predicted_ms"] == {"forward": None, "backward": None, "loss": None, "optimizer": None, "step": None}
    assert found["batch"] == {"sequences": 8, "tokens": 96, "fits": None, "usable_memory": 0.9}
    assert "no prediction" in render_plan(NET)


def test_what_was_measured_stands_in_the_plan() -> None:
    view = outlook(NET, device=SLOW)
    costs = table(view, 2.0)
    entries = {e["out"]: e for e in plan(NET, view=outlook(NET, costs=costs))["schedule"]}
    # an attention, four products and four weight gradients; three turns, of which the gradients are one
    assert entries["h2.run0"]["ms"]["measured_training"] == pytest.approx(3 * 5 * 6.0 + 4 * 6.0)
    assert entries["h2.order"]["ms"]["measured_forward"] == pytest.approx(3 * 2.0)
    assert entries["h2.run0"]["choices"][0]["measured_ms"] == pytest.approx(18.0)
    assert entries["h1"]["ms"]["measured_training"] is None
    row = next(
        line for line in render_plan(NET, view=outlook(NET, costs=costs)).splitlines() if line.startswith("    h2.run0")
    )
    assert row.endswith("114 ms  h2.increment backward")


def test_a_step_without_its_measurement_shows_none() -> None:
    view = outlook(NET, device=SLOW)
    costs = table(view, 2.0)
    del costs.entries[next(key for key in costs.entries if key.group == "attention")]
    entries = {e["out"]: e for e in plan(NET, view=outlook(NET, costs=costs))["schedule"]}
    assert entries["h2.run0"]["ms"]["measured_training"] is None


def test_what_fits_follows_from_the_memory_plan() -> None:
    view = outlook(NET, device=SLOW)
    assert view.fits == (int(0.9 * 2**20) - view.memory.fixed) // view.memory.training.size
    assert f"; {view.fits} sequences fit" in render_plan(NET, view=outlook(NET, device=SLOW))
    assert view.diagnostics() == []


def test_a_net_for_which_not_even_one_sequence_fits_is_a_warning() -> None:
    small = replace(SLOW, memory=2**18)
    (found,) = outlook(NET, device=small).diagnostics()
    assert (found.code, found.severity) == ("DNA760", "warning")
    assert "weights, gradients and optimizer: 377.5 KiB" in found.notes[0]
    room = int((16 * 24160 + outlook(NET).memory.training.size) / 0.9) + 2
    assert outlook(NET, device=replace(SLOW, memory=room)).diagnostics() == []
    assert outlook(NET, device=replace(SLOW, memory=room - 4)).diagnostics() != []


def test_the_examples_of_the_page_do_what_they_say() -> None:
    bad, repaired = re.findall(r"```dna\n(.*?)```", page("DNA760"), re.DOTALL)
    assert outlook(good(bad), device=KNOWN["rtx4090"]).diagnostics()
    assert outlook(good(repaired), device=KNOWN["rtx4090"]).diagnostics() == []


def test_types_and_batch_are_those_of_the_train_block() -> None:
    train = form("train", precision=form("bf16"), batch=form("tokens", n=4096), accumulate=4)
    assert types_of(train) == ("float32", "bfloat16", "float32")
    assert types_of(train, "bf16_stream") == ("float32", "bfloat16", "bfloat16")
    assert batch_of(train, 64) == 16
    assert types_of(train, "fp64") == ("float64",) * 3
    assert batch_of(form("train", batch=form("sequences", n=6), accumulate=2), 64) == 3
    assert (batch_of(None, 64), types_of(None).work) == (8, "float32")
    assert types_of(None, "fp64").gate == "float64"

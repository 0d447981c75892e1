"""The cost table of a device: kept whole, and ignored with one note where it cannot be trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dnac.schedule.cost_table import Cost, CostTable, Key, load, target
from dnac.schedule.device import KNOWN, DeviceFacts, find, of_gpu, this_cpu

KEY = Key("order", "sort", "rows=64 modules=4", "float32")
COST = Cost(0.5, 1.5, "2026-01-01T00:00:00Z", "2.11.0")
H200 = replace(KNOWN["h200"], model="NVIDIA H200")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path / "costs"))
    return tmp_path / "costs"


def saved(device: DeviceFacts = H200) -> Path:
    path = CostTable(replace(device, ceiling={"bfloat16": 7e14, "bytes": 4e12}), {KEY: COST}).save()
    assert path is not None
    return path


def test_what_was_saved_is_read_back(folder: Path) -> None:
    assert saved() == folder / "costs-h200.json"
    table, note = load(H200)
    assert note is None
    assert table.entries == {KEY: COST}
    assert table.find(*KEY) == COST
    assert (table.device.rate("bfloat16"), table.device.flow) == (7e14, 4e12)
    assert [p.name for p in folder.iterdir()] == ["costs-h200.json"]


def test_no_file_is_no_fault() -> None:
    table, note = load(H200)
    assert (table.entries, note) == ({}, None)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", '{"version": 1}', '{"version": 1, "device": {}, "entries": []}', "\\u0000",
    ],
)  # fmt: skip
def test_a_damaged_file_is_ignored_with_one_note(text: str) -> None:
    saved().write_text(text)
    table, note = load(H200)
    assert table.entries == {}
    assert note is not None
    assert (note.code, note.severity) == ("DNA761", "note")


@pytest.mark.parametrize(
    ("field", "value"),
    [("forward_ms", -1), ("forward_ms", "1"), ("training_ms", float("nan")), ("group", 3), ("shape", "a\nb")],
)
def test_a_damaged_entry_spoils_the_file(field: str, value: object) -> None:
    path = saved()
    whole = json.loads(path.read_text())
    whole["entries"][0][field] = value
    path.write_text(json.dumps(whole))
    table, note = load(H200)
    assert table.entries == {}
    assert note is not None
    assert "damaged" in note.message


def test_a_table_of_another_version_is_ignored() -> None:
    path = saved()
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    table, note = load(H200)
    assert table.entries == {}
    assert note is not None
    assert "another version" in note.message


def test_a_table_of_another_machine_is_ignored() -> None:
    mine = this_cpu()
    saved(replace(mine, model="Another processor, 64 threads"))
    table, note = load(mine)
    assert table.entries == {}
    assert table.device == mine
    assert note is not None
    assert "Another processor, 64 threads" in note.message


def test_a_table_under_another_devices_name_is_ignored(folder: Path) -> None:
    saved().rename(folder / "costs-a100.json")
    table, note = load(KNOWN["a100"])
    assert table.entries == {}
    assert note is not None
    assert target(None) is not None  # and it is no candidate for the default
    assert target(None)[0].device.name == "cpu"  # type: ignore[index]


def test_without_a_name_the_device_tuned_last_is_meant() -> None:
    found = target(None)
    assert found is not None
    assert found[0].device.name == "cpu"
    saved()
    for name in (None, "cuda", "cuda:0", "h200", "H200"):
        found = target(name)
        assert found is not None
        assert (found[0].device.name, found[0].entries) == ("h200", {KEY: COST})


def test_a_gpu_of_which_nothing_is_known_is_found_by_its_table() -> None:
    strange = of_gpu("NVIDIA GeForce GTX 1080", (6, 1), 8 * 2**30)
    assert strange.name == "nvidia-geforce-gtx-1080"
    assert target(strange.name) is None
    saved(strange)
    found = target(strange.name)
    assert found is not None
    assert (found[0].device.memory, found[0].device.capability) == (8 * 2**30, (6, 1))


def test_a_known_gpu_is_recognised_by_its_model() -> None:
    facts = of_gpu("NVIDIA H100 80GB HBM3", (9, 0), 79 * 2**30)
    assert (facts.name, facts.peak) == ("h100", KNOWN["h100"].peak)
    assert find("tpu") is None


def test_a_failed_write_leaves_the_table_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved().read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("dnac.schedule.cost_table.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        CostTable(H200, {}).save()
    assert (folder / "costs-h200.json").read_bytes() == before
    assert [p.name for p in folder.iterdir()] == ["costs-h200.json"]

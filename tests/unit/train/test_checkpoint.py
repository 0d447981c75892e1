"""Checkpoints: all or nothing, every damage named, nothing lost and nothing foreign deleted."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dnac.text.diagnostic import Diagnostic, Faults
from dnac.train import checkpoint


def tensors(value: float) -> dict[str, dict[str, torch.Tensor]]:
    weights = {"a.weight": torch.full((3, 4), value), "b.gain": torch.full((5,), value, dtype=torch.bfloat16)}
    return {"weights": weights, "optimizer": {"step/a.weight": torch.tensor(value)}}


def save(folder: Path, step: int) -> Path:
    return checkpoint.save(folder, step, tensors(float(step)), {"position": 8 * step})


def told() -> tuple[list[Diagnostic], Callable[[Diagnostic], None]]:
    heard: list[Diagnostic] = []
    return heard, heard.append


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    save(tmp_path, 7)
    found = checkpoint.load_latest(tmp_path, lambda d: None)
    target = {n: torch.zeros_like(t) for n, t in tensors(0.0)["weights"].items()}
    found.load("weights", target)
    assert found.step == 7
    assert found.state == {"step": 7, "position": 56}
    assert all(torch.equal(target[n], t) for n, t in tensors(7.0)["weights"].items())


def test_the_files_are_readable_by_safetensors_itself(tmp_path: Path) -> None:
    loaded = load_file(save(tmp_path, 2) / "weights.safetensors")
    assert all(torch.equal(loaded[n], t) for n, t in tensors(2.0)["weights"].items())
    assert sorted(p.name for p in (tmp_path / "step_2").iterdir()) == [
        "manifest.json",
        "optimizer.safetensors",
        "state.json",
        "weights.safetensors",
    ]


def test_every_flipped_bit_is_detected_and_its_file_named(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    draw = random.Random(1)
    for file in sorted(path.iterdir()):
        whole = file.read_bytes()
        for _ in range(60):
            place = draw.randrange(len(whole) * 8)
            damaged = bytearray(whole)
            damaged[place // 8] ^= 1 << place % 8
            file.write_bytes(damaged)
            found = checkpoint.problems(path)
            assert [p.split(":")[0] for p in found] == [file.name], (file.name, place, found)
        file.write_bytes(whole)
    assert checkpoint.problems(path) == []


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "weights.safetensors", "optimizer.safetensors"])
def test_truncated_missing_and_empty_files_are_named(tmp_path: Path, name: str) -> None:
    file = save(tmp_path, 3) / name
    whole = file.read_bytes()
    for length in {0, 1, 7, len(whole) // 2, len(whole) - 1}:
        file.write_bytes(whole[:length])
        assert checkpoint.problems(tmp_path / "step_3")[0].startswith(f"{name}: ")
    file.unlink()
    assert checkpoint.problems(tmp_path / "step_3")[0].startswith(f"{name}: missing")


def test_swapped_extra_linked_and_misplaced_files_are_named(tmp_path: Path) -> None:
    old, new = save(tmp_path, 3), save(tmp_path, 4)
    shutil.copy(old / "weights.safetensors", new / "weights.safetensors")
    assert checkpoint.problems(new) == ["weights.safetensors: its SHA-256 differs"]
    (old / "notes.txt").write_text("mine")
    assert checkpoint.problems(old) == ["notes.txt: not in the manifest"]
    (old / "notes.txt").unlink()
    (old / "state.json").rename(tmp_path / "elsewhere.json")
    (old / "state.json").symlink_to(tmp_path / "elsewhere.json")
    assert checkpoint.problems(old) == ["state.json: not a plain file"]
    moved = save(tmp_path, 5).rename(tmp_path / "step_6")
    assert checkpoint.problems(moved) == ["manifest.json: belongs to step 5"]


def test_latest_is_the_latest_that_verifies_and_the_damaged_one_is_told_of(tmp_path: Path) -> None:
    save(tmp_path, 9)
    bad = save(tmp_path, 10) / "weights.safetensors"
    bad.write_bytes(bad.read_bytes()[:-1])
    heard, tell = told()
    assert checkpoint.load_latest(tmp_path, tell).step == 9
    assert [d.code for d in heard] == ["DNA731"]
    assert "step_10" in heard[0].message and "weights.safetensors" in heard[0].message and "step_9" in heard[0].help


def test_no_usable_checkpoint_is_an_error_never_a_fresh_start(tmp_path: Path) -> None:
    (tmp_path / ".step_4.saving").mkdir()
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(Faults, match="DNA730"):
            checkpoint.load_latest(folder, lambda d: None)
    (save(tmp_path, 1) / "manifest.json").unlink()
    with pytest.raises(Faults, match="DNA730"):
        checkpoint.load_latest(tmp_path, lambda d: None)


def test_tensors_that_do_not_fit_are_refused_by_name_before_anything_is_read(tmp_path: Path) -> None:
    save(tmp_path, 1)
    found = checkpoint.load_latest(tmp_path, lambda d: None)
    target = {"a.weight": torch.zeros(4, 3), "c.gain": torch.zeros(5)}
    with pytest.raises(Faults, match="DNA734") as caught:
        found.load("weights", target)
    text = str(next(iter(caught.value.bag)))
    assert all(name in text for name in ("a.weight", "b.gain", "c.gain"))
    assert not target["a.weight"].any()


def test_a_verified_checkpoint_is_never_written_again_and_a_damaged_one_is_set_aside(tmp_path: Path) -> None:
    path = save(tmp_path, 2)
    before = path.stat().st_ino
    checkpoint.save(tmp_path, 2, tensors(99.0), {})
    assert path.stat().st_ino == before
    (path / "state.json").write_text("{}")
    save(tmp_path, 2)
    assert checkpoint.problems(path) == []
    assert (tmp_path / "damaged_step_2" / "state.json").read_text() == "{}"


class Crash(BaseException):
    """Stands for a process that ends at this instant."""


def crash_at(monkeypatch: pytest.MonkeyPatch, call: int) -> Callable[[], int]:
    """End the process, as it were, at the n-th write, sync or rename; returns how many there were."""
    seen = 0

    def stopping(real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object) -> object:
            nonlocal seen
            seen += 1
            if seen == call:
                raise Crash
            return real(*args)

        return step

    for name in ("write", "fsync", "rename"):
        monkeypatch.setattr(os, name, stopping(getattr(os, name)))
    return lambda: seen


def test_a_save_that_ends_at_any_write_sync_or_rename_gives_the_old_or_the_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        count = crash_at(patch, 0)
        save(tmp_path / "whole", 1)
        points = count()
    assert points >= 14, "four files with their syncs, two folder syncs, one rename"
    for point in range(1, points + 1):
        folder = tmp_path / str(point)
        save(folder, 1)
        with monkeypatch.context() as patch, pytest.raises(Crash):
            crash_at(patch, point)
            save(folder, 2)
        found = checkpoint.load_latest(folder, lambda d: pytest.fail("a torn checkpoint was published"))
        target = {n: torch.zeros_like(t) for n, t in tensors(0.0)["weights"].items()}
        found.load("weights", target)
        assert float(target["a.weight"][0, 0]) == found.step
        checkpoint.clean(folder)
        save(folder, 2)
        assert sorted(p.name for p in folder.iterdir()) == ["step_1", "step_2"]


def test_all_files_and_their_folder_are_synced_before_the_rename_and_the_parent_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, real=real, name=name: (calls.append(name), real(*args))[1])
    save(tmp_path, 1)
    assert calls == ["fsync"] * 5 + ["rename", "fsync"]


def test_a_full_disk_is_told_with_the_bytes_and_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)

    def full(handle: int, chunk: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Faults, match=r"DNA737.*No space left") as caught:
        save(tmp_path, 2)
    assert "62 bytes needed" in str(next(iter(caught.value.bag)))
    assert [p.name for p in tmp_path.iterdir()] == ["step_1"]


def test_retention_keeps_the_newest_and_what_it_did_not_make(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    (tmp_path / "step_1" / "notes.txt").write_text("mine")
    (tmp_path / "step_best").mkdir()
    checkpoint.prune(tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_1", "step_3", "step_4", "step_best"]


@pytest.mark.parametrize("seed", range(6))
def test_retention_never_deletes_the_last_good_checkpoint(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    keep = draw.choice([1, 2, 3])
    for step in range(1, 25):
        try:
            with pytest.MonkeyPatch.context() as patch:
                crash_at(patch, draw.choice([0, 0, 0, draw.randrange(1, 25)]))
                save(tmp_path, step)
                good = [p for p in checkpoint.published(tmp_path) if not checkpoint.problems(p)]
                if draw.random() < 0.3 and len(good) > 1:
                    victim = draw.choice(good) / "weights.safetensors"
                    victim.write_bytes(victim.read_bytes()[:-3])
                checkpoint.prune(tmp_path, keep)
        except Crash:
            pass
        if checkpoint.published(tmp_path):
            assert checkpoint.load_latest(tmp_path, lambda d: None)

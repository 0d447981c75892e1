"""Comparing runs: groups, pairs, intervals, curves. The run folders are written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dnac.cli.commands.compare import as_text
from dnac.text.diagnostic import Faults
from dnac.train.compare import compare
from dnac.train.intervals import difference, estimate, t_quantile
from dnac.train.run import Run


def made(folder: Path, net: str, seed: int, losses: list[float], **changes: Any) -> Run:
    """A run folder with one evaluation each 10 steps."""
    folder.mkdir(parents=True)
    (folder / "spec.dna").write_text("dna 1\n")
    identity = {"net": net, "graph": net, "data": "d", "valid": "v", "train.lr": "0.001", "train.seed": str(seed)}
    seeds = {"init": seed, "data": seed, "routing": seed}
    resolved = {"format": 1, "net": net, "spec": f"spec of {net}", "seeds": seeds, "identity": identity}
    resolved |= {"settings": [f"train.seed={seed}"], "steps": 10 * len(losses)}
    for key, value in changes.items():
        resolved[key] = {**resolved[key], **value} if isinstance(value, dict) else value
    (folder / "resolved.json").write_text(json.dumps(resolved))
    plan = {"params": {"total": 7}, "flops_per_token": {"min": 1, "expected": 2, "max": 3}}
    (folder / "plan.json").write_text(json.dumps(plan))
    with (folder / "metrics.jsonl").open("w") as stream:
        for n, loss in enumerate(losses, start=1):
            line = {"step": 10 * n, "loss": loss, "tokens": 100 * n, "seconds": 2.0 * n, "active_flops_per_token": n}
            stream.write(json.dumps({**line, "step": 10 * n - 5, "tokens": 100 * n - 50}) + "\n")
            stream.write(json.dumps({**line, "valid_loss": loss, "valid_accuracy": 1 / loss}) + "\n")
    return Run.open(folder)


def test_quantiles_are_those_of_the_tables() -> None:
    assert t_quantile(1) == pytest.approx(12.7062, abs=1e-4)
    assert t_quantile(4) == pytest.approx(2.776445, abs=1e-6)
    assert t_quantile(9) == pytest.approx(2.262157, abs=1e-6)
    assert t_quantile(1e6) == pytest.approx(1.959966, abs=1e-6)


def test_intervals_of_a_mean_and_of_an_unpaired_difference() -> None:
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3 - 1.963243, 3 + 1.963243), abs=1e-5)
    assert estimate([4.0]).low is None
    gap = difference([1.0, 2.0, 3.0], [2.0, 4.0, 7.0, 5.0])
    assert (gap.mean, gap.low, gap.high) == pytest.approx((2.5, -0.666609, 5.666609), abs=1e-5)


def test_seeds_of_one_spec_form_a_group_and_pair_by_seed(tmp_path: Path) -> None:
    noise = [0.3, -0.5, 0.1, 0.9]
    runs = [made(tmp_path / f"a{s}", "a", s, [3.0, 2.0 + noise[s]]) for s in range(4)]
    runs += [made(tmp_path / f"b{s}", "b", s, [3.0, 1.9 + noise[s] + s / 1000]) for s in (3, 2, 1, 0)]
    found = compare(runs)
    assert [(g["name"], len(g["runs"])) for g in found["groups"]] == [("a", 4), ("b", 4)]
    gap = next(d for d in found["differences"] if d["figure"] == "loss")
    assert gap["paired"] and gap["count"] == 4 and gap["mean"] == pytest.approx(-0.1 + 0.0015)
    assert gap["high"] < -0.09, "pairing takes the seeds' noise away"
    assert found["groups"][0]["figures"]["loss"]["high"] - found["groups"][0]["figures"]["loss"]["low"] > 0.5


def test_runs_without_common_seeds_are_not_paired(tmp_path: Path) -> None:
    runs = [
        made(tmp_path / f"{net}{s}", net, s, [2.0 + s / 10])
        for net, seeds in (("a", (0, 1)), ("b", (2, 3)))
        for s in seeds
    ]
    gaps = compare(runs)["differences"]
    assert not any(d["paired"] for d in gaps)


def test_the_curve_holds_steps_flops_and_time(tmp_path: Path) -> None:
    runs = [made(tmp_path / f"a{s}", "a", s, [3.0 - s, 2.0, 1.0][: 3 - s]) for s in (0, 1)]
    points = compare(runs)["curves"]["a"]
    assert [p["step"] for p in points] == [10, 20], "only evaluations that all runs have"
    assert [p["loss"] for p in points] == [2.5, 2.0]
    assert [p["flops"] for p in points] == [3 * 100, 3 * (100 + 200)]
    assert [p["seconds"] for p in points] == [2.0, 4.0]


def test_specs_of_one_net_are_named_by_what_differs(tmp_path: Path) -> None:
    plain = made(tmp_path / "a", "a", 0, [2.0])
    other = made(tmp_path / "b", "a", 0, [2.0], spec="other", identity={"train.lr": "0.01"}, settings=["train.lr=0.01"])
    wide = made(tmp_path / "c", "a", 0, [2.0], spec="third", settings=["width=32"])
    assert [g["name"] for g in compare([plain, wide])["groups"]] == ["a", "a width=32"]
    assert [g["name"] for g in compare([plain, other])["groups"]] == ["a lr = 0.001", "a lr = 0.01"]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    good = made(tmp_path / "a", "a", 0, [2.0])
    for runs in (
        [made(tmp_path / "b", "b", 0, [])],
        [good, made(tmp_path / "c", "c", 0, [2.0], identity={"valid": "other"})],
    ):
        with pytest.raises(Faults) as caught:
            compare(runs)
        assert [d.code for d in caught.value.bag] == ["DNA643"]


def test_unfinished_and_doubled_runs_are_told(tmp_path: Path) -> None:
    runs = [made(tmp_path / "a", "a", 0, [2.0], steps=50), made(tmp_path / "b", "a", 0, [2.0])]
    notes = compare([*runs, runs[0]])["notes"]
    assert len(notes) == 2 and "same spec and seeds" in notes[0] and "stopped at step 10 of 50" in notes[1]


def test_work_is_what_the_held_out_tokens_did_and_not_what_the_plan_expects(tmp_path: Path) -> None:
    """A net that skips more than its plan foresees is not shown as dear as the plan says."""
    runs = [made(tmp_path / f"a{s}", "a", s, [3.0, 2.0]) for s in (0, 1)]
    old = compare(runs)["groups"][0]
    assert (old["measured_flops_per_token"]["mean"], old["flops_per_token"]["expected"]) == (2, 2)
    for run, measured in zip(runs, (40, 60), strict=True):
        file = run.path / "metrics.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        lines[-1]["valid_active_flops_per_token"] = measured
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare([Run.open(run.path) for run in runs])
    assert found["groups"][0]["measured_flops_per_token"]["mean"] == 50
    assert as_text(found).splitlines()[1].split()[-3] == "50"


def test_the_net_as_it_is_written_has_its_plain_name_beside_variants_of_it(tmp_path: Path) -> None:
    plain = made(tmp_path / "a", "a", 0, [2.0])
    other = made(tmp_path / "b", "a", 0, [1.0], spec="another", settings=["train.seed=0", "hop.sees=everyone"])
    assert [group["name"] for group in compare([plain, other])["groups"]] == ["a", "a hop.sees=everyone"]
    same = made(tmp_path / "c", "a", 0, [1.0], spec="of another file")
    assert [group["name"] for group in compare([plain, same])["groups"]] == ["a spec of ", "a of anoth"]

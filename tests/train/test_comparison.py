"""The comparison at equal work: an interpolated frontier, a detectable effect told first, phases in order."""

from __future__ import annotations

import importlib
import json
import lzma
import math
import statistics
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dnac.driver import check
from dnac.text.files import read_source

HOME = Path(__file__).parents[2] / "benchmarks" / "comparison"


@pytest.fixture(scope="module", autouse=True)
def _at_home() -> None:
    sys.path.insert(0, str(HOME))


@pytest.fixture(scope="module")
def arms() -> ModuleType:
    return importlib.import_module("arms")


@pytest.fixture(scope="module")
def summary() -> ModuleType:
    return importlib.import_module("summary")


@pytest.fixture(scope="module")
def distances() -> ModuleType:
    return importlib.import_module("distances")


def row(arm: str, seed: int, loss: float, flops: float) -> dict[str, Any]:
    """A result file with what the summary reads."""
    figures = {"loss": loss, "active_flops_per_token": flops, "params_total": 10 * flops, "params_active": flops}
    return {
        "arm": arm,
        "seed": seed,
        "settings": ["peak=2e-3"],
        "figures": {**figures, "skip_share": None, "by_difficulty": []},
    }


def test_every_arm_is_a_net_that_checks_and_the_nets_cost_about_as_much(arms: ModuleType) -> None:
    names = {}
    for path in (arms.NETS, arms.DIAGNOSE, arms.ATTEMPTS, arms.SEEING):
        found = check(read_source(path))
        assert not [d.message for d in found.bag if d.severity == "error"]
        names[path] = {net.name for net in found.nets}
    assert not [arm.name for arm in arms.ARMS.values() if (arm.net or arm.name) not in names[arm.spec]]
    assert len(arms.ARMS) == sum(map(len, arms.GROUPS.values())), "an arm's name says which it is"
    assert {1, 2, 3, 4}.isdisjoint(arms.SEEDS)


def test_the_frontier_lies_between_its_depths_and_nowhere_else(distances: ModuleType) -> None:
    points = [(4.0, 3.0), (1.0, 5.0), (16.0, 2.0)]
    assert distances.on_frontier(2.0, points) == pytest.approx(4.0), "half way in log work"
    assert distances.on_frontier(4.0, points) == pytest.approx(3.0)
    assert distances.on_frontier(8.0, points) == pytest.approx(2.5)
    assert distances.on_frontier(0.9, points) is None and distances.on_frontier(17.0, points) is None


def frontier(cost: str = "active_flops_per_token") -> list[dict[str, Any]]:
    """Two seeds of two depths: losses 4 + seed at 16, 3.5 + seed at 64."""
    rows = [row(f"dense{d}", s, 5.0 - d / 4 + s, 2.0**d) for d in (4, 6) for s in (1, 2)]
    for r in rows:
        r["figures"][cost] = r["figures"]["params_active"]
    return rows


def test_a_net_is_held_against_dense_nets_of_its_own_seed(distances: ModuleType) -> None:
    rows = [*frontier(), row("skip", 1, 1.0 + 4.0, 2.0**5), row("skip", 2, 2.0 + 3.75, 2.0**5)]
    rows.append(row("skip", 3, 9.0, 2.0**5))
    assert distances.distances(rows, "skip", distances.FLOPS) == pytest.approx({1: 0.25, 2: 0.0})
    rows.append(row("top1", 1, 1.0, 2.0**9))
    assert distances.distances(rows, "top1", distances.FLOPS) == {}
    assert distances.at_equal(rows, "top1", distances.FLOPS) == "outside: 8.0 times dense6, -3.5000 against it"


def test_a_bad_seed_of_a_depth_does_not_move_the_frontier_of_medians(
    distances: ModuleType, summary: ModuleType
) -> None:
    rows = [row(f"dense{d}", s, 5.0 - d / 4 + 9.0 * (s == 3 and d == 4), 2.0**d) for d in (4, 6) for s in (1, 2, 3)]
    rows += [row("skip", s, 4.0, 2.0**5) for s in (1, 2, 3)]
    assert distances.distances(rows, "skip", distances.FLOPS) == pytest.approx({1: 0.25, 2: 0.25, 3: -4.25})
    assert distances.from_medians(rows, "skip", distances.FLOPS) == pytest.approx({1: 0.25, 2: 0.25, 3: 0.25})
    assert "no difference moves by more than +1.5000 (skip)" in summary.steady(rows)[0]


def test_a_net_slower_than_all_depths_is_held_against_the_slowest_of_them(distances: ModuleType) -> None:
    rows = frontier("step_ms")
    assert distances.at_equal([*rows, row("skip", 1, 4.75, 1.0)], "skip", "step_ms") == "", "it has no time"
    for ms, said in ((32.0, "+0.2500"), (256.0, "outside: 4.0 times dense6, +0.5000 against it")):
        skip = row("skip", 1, 1.0 + 4.0, 1.0)
        skip["figures"]["step_ms"] = ms
        assert distances.at_equal([*rows, skip], "skip", "step_ms") == said
    fast = row("skip", 1, 5.0 + 1.0, 1.0)
    fast["figures"]["step_ms"] = 8.0
    assert distances.at_equal([*rows, fast], "skip", "step_ms") == "outside: 0.5 times dense4, +1.0000 against it"


def test_pairs_are_of_arms_and_compare_distances_not_losses(arms: ModuleType, distances: ModuleType) -> None:
    pairs = importlib.import_module("pairs")
    named = [pair for question in pairs.QUESTIONS.values() for pair in question]
    assert {name for pair in named for name in pair[:2]} <= set(arms.ARMS)
    assert {arm.name for arm in (*arms.SKIPS, arms.STOPPED, *arms.TRIED, *arms.LOOKING)} <= {p.arm for p in named}
    rows = frontier()  # at 32 dense has 3.75 + seed, at 64 it has 3.5 + seed
    rows += [row("skip1", s, 3.75 + s + 0.5, 32.0) for s in (1, 2)] + [
        row("scaled", s, 3.5 + s + 0.2, 64.0) for s in (1, 2)
    ]
    text = "\n".join(pairs.paired(rows))
    assert "| scaled | skip1 |" in text and "| 2 | -0.3000 (-0.3000 to -0.3000) |" in text
    assert "anywhere" not in text, "it did not run"


def test_the_stream_tells_accuracy_and_depth_by_level(distances: ModuleType) -> None:
    stream = importlib.import_module("stream")
    rows = frontier() + [row("skip1", s, 4.0, 32.0) for s in (1, 2)]
    assert stream.by_difficulty(rows) == []
    for r in rows:
        routed = r["arm"] == "skip1"
        right = {"dense4": (1.0, 0.4), "dense6": (1.0, 0.8), "skip1": (1.0, 0.5)}[r["arm"]]
        r["figures"]["by_difficulty"] = [
            {"difficulty": n, "targets": 9, "loss": 1.0, "accuracy": right[n], "executed": (6.0 + n) * routed}
            for n in (0, 1)
        ]
        r["figures"]["depth_follows_difficulty"] = 0.3 if routed else None
        r["figures"]["depth_follows_steps"] = None
    text = "\n".join(stream.by_difficulty(rows))
    assert "| skip1 | 1.000 | 0.500 |" in text
    assert "| skip1 | +0.000 (+0.000 to +0.000) | -0.100 (-0.100 to -0.100) |" in text, "the frontier has 0.6 there"
    assert "| skip1 | 6.00 | 7.00 | +0.30 (+0.30 to +0.30) |  |" in text and "| dense4 | 0.00" not in text
    assert stream.picture(rows, ("dense4", "skip1")).startswith("<svg xmlns")


def test_the_detectable_effect_is_that_of_both_quantiles(summary: ModuleType) -> None:
    assert summary.effect(0.01, 5) == pytest.approx((2.7764 + 0.9410) * 0.01 / math.sqrt(5), rel=1e-3)


def test_the_effect_comes_from_seeds_that_are_not_reported(
    summary: ModuleType, arms: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "variance" / "results"
    folder.mkdir(parents=True)
    assert "not measured yet" in summary.detectable(tmp_path)
    written = tmp_path / "detectable.json"
    gaps = {arm: [n * 0.01 * s for s in (1, 2, 4)] for n, arm in enumerate(arms.MEASURED)}
    for arm, losses in gaps.items():
        for seed, loss in zip(arms.VARIANCE_SEEDS, losses, strict=True):
            assert "not measured yet" in summary.detectable(tmp_path) and not written.exists(), "two seeds of three"
            (folder / f"{arm}-{seed}.json").write_text(json.dumps(row(arm, seed, 3 + seed + loss, 1.0)))
    summary.detectable(tmp_path)
    spread = statistics.stdev([0.01, 0.02, 0.04])
    pooled = math.sqrt((1 + 4 + 9) / 3) * spread
    assert json.loads(written.read_text())["pooled"] == pytest.approx(pooled)


def test_a_rate_is_chosen_only_where_all_were_tried(summary: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "tune" / "results"
    folder.mkdir(parents=True)
    for arm, peak, loss in (("a", "1e-3", 3.0), ("a", "2e-3", 2.5), ("b", "1e-3", 3.0), ("a", "4e-3", math.nan)):
        (folder / f"{arm}@{peak}.json").write_text(json.dumps(row(f"{arm}@{peak}", 1, loss, 1.0)))
    assert summary.best_peaks(tmp_path, ("1e-3", "2e-3", "4e-3")) == {"a": "2e-3"}


def test_the_table_has_a_row_for_each_arm_that_ran(summary: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "report" / "results"
    folder.mkdir(parents=True)
    for arm, flops in (("dense3", 1.0), ("dense8", 4.0), ("skip", 2.0), ("top1", 3.0)):
        for seed in (42, 137):
            (folder / f"{arm}-{seed}.json").write_text(json.dumps(row(arm, seed, 3.0 + seed / 1e3, flops)))
    times = {"time": (("dense3", 1.0), ("dense8", 4.0), ("skip", 2.0)), "launched": (("dense8", 5.0), ("skip", 20.0))}
    for phase, arm, ms in ((phase, arm, ms) for phase, arms in times.items() for arm, ms in arms):
        cases = [
            {
                "program": "dnac",
                "name": f"dnac uniform{skip and ' skip 25%'}",
                "skip": 0.25 * bool(skip),
                "ms": {"median": t},
            }
            for skip, t in (("", 9.0), ("more", ms))
        ]
        bench = {"device": "a device", "torch": "2", "nets": [{"cases": cases, "cuda_graphs": phase == "time"}]}
        (tmp_path / phase / "results").mkdir(parents=True, exist_ok=True)
        (tmp_path / phase / "results" / f"{arm}.json").write_text(json.dumps({"bench": bench}))
    text = summary.written(tmp_path, "text")
    same = "+0.0000 (+0.0000 to +0.0000)"
    slow = f"outside: 4.0 times dense8, {same} against it"
    assert f"| skip | 2e-3 | 2 | 3.090 ± 0.067 | {same} | {same} | {slow} | 0.00 | 2.0 | 20.0 |" in text, (
        "the case with skips is its time, each way that a step was timed has a column"
    )
    assert "- uniform skip 25%: dense3, dense8, skip" in text and "- no step time: top1" in text
    assert "as `dnac train` runs it (a device, torch 2, replayed as CUDA graphs)" in text
    assert "launched kernel by kernel (a device, torch 2)" in text
    assert "kernel by kernel" in (tmp_path / "loss_launched_ms.svg").read_text()
    assert "svg" in (tmp_path / "loss_step_ms.svg").read_text()
    assert "svg" in (tmp_path / "loss_active_flops_per_token.svg").read_text()


def test_only_the_launched_phase_says_no_to_cuda_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = importlib.import_module("run")
    asked: list[list[str]] = []

    def bench(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "{}", "")

    monkeypatch.setattr(run.subprocess, "run", bench)
    for phase in ("time", "launched"):
        assert run.main([phase, "--only", "dense3", "--out", str(tmp_path)]) == 0
        assert (tmp_path / "text" / phase / "results" / "dense3.json").exists()
    assert ["--no-cuda-graphs" in command for command in asked] == [False, True]


def test_own_text_is_split_by_document_and_what_was_copied_is_not_held_out(tmp_path: Path) -> None:
    prepare = importlib.import_module("prepare")
    for name, start in (("mine", 0), ("other", 1000)):
        (tmp_path / name).mkdir()
        texts = [" ".join(f"w{start + 97 * n + i}" for i in range(90)) for n in range(300)]
        texts += [f"{text} and a few words more" for text in texts[:100]]
        packed = lzma.compress(f"\n{prepare.SEPARATOR}\n".join([*texts, texts[0]]).encode())
        (tmp_path / name / "all.txt.xz").write_bytes(packed)
    rows = prepare.documents(tmp_path, ["mine"])
    assert len(rows) == 400 and {source for source, _, _ in rows} == {"mine"}, "one stood there twice"
    splits = prepare.divided(rows)
    assert sum(map(len, splits.values())) == 400 and all(10 < len(splits[name]) < 40 for name in ("tune", "test"))
    kept = prepare.without_near_duplicates(splits)
    begins = lambda rows: {text.split()[0] for _, text, _ in rows}
    assert all(0 < len(kept[name]) < len(splits[name]) for name in kept)
    held = [begins(rows) for rows in (splits["train"], kept["tune"], kept["test"])]
    assert not any(a & b for a, b in combinations(held, 2)), "a document and its copy are in the same split"


def test_nets_that_are_not_reported_are_shown_as_they_were_tuned(
    summary: ModuleType, arms: ModuleType, tmp_path: Path
) -> None:
    assert summary.written(tmp_path, "text") == "no run yet"
    for phase in ("tune", "report"):
        (tmp_path / phase / "results").mkdir(parents=True)
    for arm, flops in (("dense3", 1.0), ("dense8", 4.0), ("skip", 2.0), ("top1", 2.0)):
        for n, peak in enumerate(arms.PEAKS):
            named = row(f"{arm}@{peak}", 1, 3.0 + n, flops)
            (tmp_path / "tune" / "results" / f"{arm}@{peak}.json").write_text(json.dumps(named))
    for seed in arms.SEEDS:
        (tmp_path / "report" / "results" / f"top1-{seed}.json").write_text(json.dumps(row("top1", seed, 2.0, 2.0)))
    reported, _, tuned = summary.written(tmp_path, "text").partition("### Tuning")
    assert "| skip | 2e-3 | 1 | 3.000 | +0.0000 |" in tuned and "| top1 |" not in tuned and "| dense8 |" in tuned
    assert "| top1 | 2e-3 | 5 |" in reported and "| skip |" not in reported


@pytest.mark.slow
def test_the_phases_run_in_order_and_resume(tmp_path: Path) -> None:
    run = importlib.import_module("run")
    if not (HOME.parents[1] / ".data" / "comparison" / "meta.json").exists():
        pytest.skip("prepare.py has not made the data")
    tiny = ["width=16", "heads=1", "context=32", "batch=2", "n=2", "train.precision=fp32", "train.eval_batches=2"]
    words = ["--device", "cpu", "--out", str(tmp_path), "--jobs", "1", "--peaks", "1e-3", "--minutes", "30"]
    words += ["--only", "dense3", *(w for setting in tiny for w in ("--set", setting))]
    with pytest.raises(SystemExit, match="detectable effect comes first"):
        run.main(["report", *words])
    assert run.main(["tune", *words]) == 0
    results = tmp_path / "text" / "tune" / "results"
    before = [path.stat().st_mtime_ns for path in results.iterdir()]
    assert run.main(["tune", *words]) == 0 and before == [path.stat().st_mtime_ns for path in results.iterdir()]

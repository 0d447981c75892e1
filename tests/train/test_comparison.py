"""The comparison at equal work: an interpolated frontier, a detectable effect told first, phases in order."""

from __future__ import annotations

import importlib
import json
import math
import statistics
import sys
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


def test_the_frontier_lies_between_its_depths_and_nowhere_else(summary: ModuleType) -> None:
    points = [(4.0, 3.0), (1.0, 5.0), (16.0, 2.0)]
    assert summary.on_frontier(2.0, points) == pytest.approx(4.0), "half way in log work"
    assert summary.on_frontier(4.0, points) == pytest.approx(3.0)
    assert summary.on_frontier(8.0, points) == pytest.approx(2.5)
    assert summary.on_frontier(0.9, points) is None and summary.on_frontier(17.0, points) is None


def test_a_net_is_held_against_dense_nets_of_its_own_seed(summary: ModuleType) -> None:
    rows = [row(f"dense{d}", s, 5.0 - d / 4 + s, 2.0**d) for d in (4, 6) for s in (1, 2)]
    rows += [row("skip", 1, 1.0 + 4.0, 2.0**5), row("skip", 2, 2.0 + 3.75, 2.0**5), row("skip", 3, 9.0, 2.0**5)]
    assert summary.excess(rows, "skip", "active_flops_per_token") == pytest.approx([0.25, 0.0])
    rows.append(row("top1", 1, 1.0, 2.0**9))
    assert summary.shown(summary.excess(rows, "top1", "active_flops_per_token")) == "outside"


def test_the_detectable_effect_is_that_of_both_quantiles(summary: ModuleType) -> None:
    assert summary.effect(0.01, 5) == pytest.approx((2.7764 + 0.9410) * 0.01 / math.sqrt(5), rel=1e-3)


def test_the_effect_comes_from_seeds_that_are_not_reported(
    summary: ModuleType, arms: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "variance" / "results"
    folder.mkdir(parents=True)
    assert "not measured yet" in summary.detectable(tmp_path)
    gaps = {arm: [n * 0.01 * s for s in (1, 2, 4)] for n, arm in enumerate(arms.MEASURED)}
    for arm, losses in gaps.items():
        for seed, loss in zip(arms.VARIANCE_SEEDS, losses, strict=True):
            (folder / f"{arm}-{seed}.json").write_text(json.dumps(row(arm, seed, 3 + seed + loss, 1.0)))
    summary.detectable(tmp_path)
    spread = statistics.stdev([0.01, 0.02, 0.04])
    pooled = math.sqrt((1 + 4 + 9) / 3) * spread
    assert json.loads((tmp_path / "detectable.json").read_text())["pooled"] == pytest.approx(pooled)


def test_a_rate_is_chosen_only_where_all_were_tried(summary: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "tune" / "results"
    folder.mkdir(parents=True)
    for arm, peak, loss in (("a", "1e-3", 3.0), ("a", "2e-3", 2.5), ("b", "1e-3", 3.0), ("a", "4e-3", math.nan)):
        (folder / f"{arm}@{peak}.json").write_text(json.dumps(row(f"{arm}@{peak}", 1, loss, 1.0)))
    assert summary.best_peaks(tmp_path, ("1e-3", "2e-3", "4e-3")) == {"a": "2e-3"}


def test_the_table_has_a_row_for_each_arm_that_ran(summary: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "report" / "results"
    folder.mkdir(parents=True)
    for arm, flops in (("dense3", 1.0), ("dense8", 4.0), ("skip", 2.0)):
        for seed in (42, 137):
            (folder / f"{arm}-{seed}.json").write_text(json.dumps(row(arm, seed, 3.0 + seed / 1e3, flops)))
    text = summary.written(tmp_path, "text")
    assert "| skip | 2e-3 | 2 | 3.090 ± 0.067 | +0.0000 (+0.0000 to +0.0000) |" in text
    assert "svg" in (tmp_path / "loss_active_flops_per_token.svg").read_text()


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

"""The experiment of arXiv 2605.09403: its script runs, resumes, and judges as its pass lines say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dnac

ROOT = Path(__file__).parents[2]
HOME = ROOT / "examples" / "experiments" / "sparsity_moves"


@pytest.fixture(scope="module")
def experiment() -> ModuleType:
    """`run.py`, imported."""
    spec = importlib.util.spec_from_file_location("sparsity_moves_run", HOME / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(net: str, seed: int, whole: float, attn: float, ffn: float) -> dict[str, Any]:
    """A result file whose four digits are right so often, and whose END always is."""
    rows = {
        key: {"exact_match": digits, "accuracy_by_place": [digits] * 4 + [1.0]}
        for key, digits in (("intact", whole), ("attn", attn), ("ffn", ffn))
    }
    return {"arm": net, "seed": seed, "steps": 10, "figures": rows}


def verdicts(experiment: ModuleType, results: list[dict[str, Any]]) -> dict[str, str]:
    """Claim to verdict, for those of the table that were run."""
    cells = [row.split(" | ") for row in experiment.table(results).splitlines() if " against " in row]
    return {cell[0].removeprefix("| "): cell[3] for cell in cells if "not run yet" not in cell[1]}


def test_the_nets_of_the_script_are_those_of_the_spec_and_alike_but_for_the_mlp(experiment: ModuleType) -> None:
    plans = {net: dnac.load(experiment.SPEC, net=net).plan()["params"] for net in experiment.NETS}
    outside = 2 * 12 * 64 + 8 * 64 + 4 * 64 * 64 - 12 * 64  # a tied table, positions, attention
    assert plans["dense"]["total"] == outside + 2 * 64 * 256 + 256 + 64
    assert plans["glu"]["total"] == outside + 3 * 64 * 170
    assert plans["narrow"]["total"] == outside + (expert := 2 * 64 * 64 + 64 + 64)
    for net in ("moe", "top2", "frozen", "as_published"):
        assert plans[net]["total"] == outside + 4 * expert + 4 * 64
    assert plans["moe"]["active_max"] == plans["narrow"]["total"] + 4 * 64
    assert 1 not in experiment.SERIES.seeds, "settings were chosen with it"


def test_a_claim_holds_by_its_pass_line_over_five_paired_seeds(experiment: ModuleType) -> None:
    seeds = experiment.SERIES.seeds
    dense = [result("dense", s, 1.0, 0.5, 0.1 + i / 100) for i, s in enumerate(seeds)]
    moe = [result("moe", s, 1.0, 0.44, 0.2 + i / 100) for i, s in enumerate(seeds)]
    frozen = [result("frozen", s, 0.97, 0.48, 0.14 + i / 100) for i, s in enumerate(seeds)]
    found = verdicts(experiment, [*dense, *moe, *frozen])
    assert found == {
        "moe against dense, without mlp: higher by 0.08": "holds",
        "frozen against dense, without mlp: higher by 0.08": "direction only",
        "moe against dense, without attention: lower by 0.05": "holds",
        "frozen against dense, without attention: lower by 0.05": "direction only",
        "frozen against moe, digits right: differs by at most 0.02": "does not hold",
    }
    assert set(verdicts(experiment, [*dense[:4], *moe]).values()) == {"too few seeds"}
    turned = verdicts(experiment, [*dense, *(result("moe", s, 1.0, 0.6, 0.05) for s in seeds)])
    assert set(turned.values()) == {"does not hold"}


def test_a_run_is_trained_ablated_and_written(experiment: ModuleType, tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--seeds", "7", "--only", "moe", "--set", "n=2"]
    assert experiment.main(words) == 0
    found = json.loads((tmp_path / "results" / "moe-s7.json").read_text())
    assert (found["arm"], found["seed"], found["steps"], found["settings"]) == ("moe", 7, 2, ["n=2"])
    assert {"intact", "attn", "ffn", "attn+ffn"} <= set(found["figures"])
    assert all(len(found["figures"][key]["accuracy_by_place"]) == 5 for key in ("intact", "attn", "ffn"))
    assert "| moe | 1 | " in (table := experiment.table([found])) and "not run yet" in table


def test_the_series_with_norms_sets_every_norm(experiment: ModuleType) -> None:
    assert experiment.with_norms(experiment.Arm("moe")).settings == (*experiment.NORMS, "experts.ffn.norm=rms")
    assert experiment.with_norms(experiment.Arm("narrow")).settings[-1] == "ffn.norm=rms"


@pytest.mark.parametrize("folder", ["results", "results_norms"])
def test_the_results_in_the_repository_make_the_tables_in_the_readme(experiment: ModuleType, folder: str) -> None:
    results = [json.loads(path.read_text()) for path in sorted((HOME / folder).glob("*.json"))]
    assert {r["seed"] for r in results} == set(experiment.SERIES.seeds)
    for r in results:
        is_add7 = not r["arm"].startswith(("modular", "histogram"))
        assert (r["steps"], bool(r["settings"])) == (1000 if is_add7 else 1500, folder == "results_norms"), r["arm"]
    page = (HOME / "README.md").read_text(encoding="utf-8")
    tables = [part.strip() for part in experiment.table(results).split("\n\n") if part.startswith("|")]
    assert len(tables) >= 3 and not [part for part in tables if part not in page]

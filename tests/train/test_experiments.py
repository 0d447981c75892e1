"""Every experiment: its arms are nets that check, its claims about its arms, and its seeds the reported ones."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dnac.driver import check
from dnac.text.files import read_source

HOME = Path(__file__).parents[2] / "examples" / "experiments"
RUNS = sorted(HOME.glob("*/run.py"))


@pytest.fixture(params=RUNS, ids=lambda p: p.parent.name)
def experiment(request: pytest.FixtureRequest) -> ModuleType:
    """A `run.py`, imported under a name of its own."""
    path: Path = request.param
    name = f"{path.parent.name}_experiment"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_arms_are_nets_and_claims_are_about_arms(experiment: ModuleType) -> None:
    series = experiment.SERIES
    names = [arm.name for arm in series.arms]
    assert len(set(names)) == len(names)
    assert series.seeds == (42, 137, 256, 512, 1024)
    assert {*series.controlled, *series.beside} <= {*names}
    assert not {*series.controlled} & {*series.beside}, "what is claimed to route by learning is always controlled"
    if series.table is None:  # a table of its own may make arms of its own, such as a sweep over one run
        assert not [claim for claim in series.claims if not {*claim.arms} <= {*names}]
    for path in {arm.spec or series.spec for arm in series.arms} - {None}:
        found = check(read_source(path))
        assert not [d.message for d in found.bag if d.severity == "error"]
        known = {net.name for net in found.nets}
        own = [arm for arm in series.arms if (arm.spec or series.spec) == path]
        assert series.work or not [arm.name for arm in own if (arm.net or arm.name) not in known]


def test_a_series_trains_and_measures_or_does_work_of_its_own(experiment: ModuleType) -> None:
    assert (experiment.SERIES.measure is None) != (experiment.SERIES.work is None)
    assert (Path(experiment.__file__ or "").parent / "README.md").is_file(), "pass lines are written down before"


def test_arms_without_a_row_are_arms_and_leave_what_the_others_are_held_against(experiment: ModuleType) -> None:
    series = experiment.SERIES
    rows, names = series.with_rows(), {arm.name for arm in series.arms}
    assert {*series.beside} <= names and {arm.name for arm in rows.arms} == names - {*series.beside}
    assert series.table or rows.claims, "an experiment has a row"
    left = [claim for claim in series.claims if claim not in rows.claims]
    assert all({*claim.arms} & {*series.beside} for claim in left)
    assert not [claim for claim in rows.claims if {*claim.arms} & {*series.beside}]
    kept = Path(experiment.__file__ or "").parent.glob("controls/results/*.json")
    assert {*rows.controlled} == {path.stem.rpartition("-s")[0] for path in kept} & {*series.controlled}


def test_all_runs_every_script_the_longest_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("all_experiments", HOME / "all.py")
    assert spec is not None and spec.loader is not None
    every = importlib.util.module_from_spec(spec)
    sys.modules["all_experiments"] = every
    spec.loader.exec_module(every)
    found = every.scripts()
    assert {script.experiment for script in found} == {path.parent.name for path in RUNS}
    assert [script.words for script in found if script.suffix] == [("--norms",)]
    assert [script.seconds for script in found] == sorted((script.seconds for script in found), reverse=True)
    assert found[-1].seconds > 0
    for name, code in (("longer", 3), ("shorter", 0)):
        (tmp_path / name / "results").mkdir(parents=True)
        (tmp_path / name / "results" / "a-s1.json").write_text(f'{{"seconds": {9 if code else 2}}}')
        (tmp_path / name / "run.py").write_text(f"import sys\nprint('{name}', sys.argv[1:])\nsys.exit({code})\n")
    (tmp_path / "sparsity_moves").mkdir()
    (tmp_path / "sparsity_moves" / "run.py").write_text("print('norms')\n")
    every.HERE = tmp_path
    assert every.main(["--jobs", "7", "--out", "o", "--", "--seeds", "1"]) == 1
    printed = capfd.readouterr().out
    assert (
        "== longer: FAILED, exit 3\n\nlonger ['--out', 'o/longer', '--jobs', '2', '--rows', '--seeds', '1']" in printed
    )
    assert "== shorter\n\nshorter" in printed and "== sparsity_moves_norms" in printed
    for name in ("longer", "shorter"):
        (tmp_path / name / "run.py").write_text(f"import sys\nprint('left out: needs x')\nsys.exit({every.LEFT_OUT})\n")
    assert every.main(["--out", "o"]) == 0
    assert "== longer\n\nleft out: needs x" in capfd.readouterr().out


def test_the_picture_of_quality_against_depth_is_that_of_the_results() -> None:
    home = HOME / "radial_pretrained"
    spec = importlib.util.spec_from_file_location("radial_picture", home / "picture.py")
    assert spec is not None and spec.loader is not None
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "results").glob("*.json"))]
    drawn = picture.drawn(results)
    assert (home / "quality.svg").read_text(encoding="utf-8") == drawn + "\n"
    assert all(name in drawn for name in picture.SHOWN)
    half = [r for r in results if r["seed"] in (42, 137)]
    assert picture.drawn(half) != drawn


def test_the_tables_of_controls_are_those_of_the_results() -> None:
    sys.path.insert(0, str(HOME))
    controlled = importlib.import_module("controlled")
    page = (HOME.parents[1] / "docs" / "systems.md").read_text(encoding="utf-8")
    results = controlled.kept()
    assert {"routers", "mixture_of_depths", "unlike_modules"} <= set(results)
    assert all(len(rows) % 5 == 0 for rows in results.values())
    assert not [line for line in controlled.page(results).splitlines() if line not in page]


def test_a_second_run_is_compared_with_the_kept_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(HOME))
    again = importlib.import_module("again")
    for path in sorted((HOME / "dit_gates" / "results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["arm"] == "mu60" and result["seed"] == 42:
            continue
        into = tmp_path / "dit_gates" / "results" / path.name
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_text(json.dumps(result))
    assert again.main([str(tmp_path)]) == 0
    everything = capsys.readouterr().out
    assert "| dit_gates | 19 | 19 | 0 | 0 |  |" in everything and everything.rstrip().endswith("|---|---|---|---|")
    for path in (tmp_path / "dit_gates" / "results").glob("mu30-*.json"):
        result = json.loads(path.read_text())
        result["figures"]["executed"] += 0.5
        path.write_text(json.dumps({**result, "torch": "other"}))
    again.main([str(tmp_path)])
    said = capsys.readouterr().out
    assert "| dit_gates | 19 | 14 | 0 | 5 | torch |" in said
    assert "| dit_gates | executed share at mu = .3 | +0.046" in said and "holds, interval crosses the line |" in said
    assert "does not hold |" in said and "mu = .6 |" not in said


def test_claims_of_a_series_end_where_their_table_ends() -> None:
    """Another table of as many columns behind it holds no claims."""
    again = importlib.import_module("again")
    claims = "| claim | pass line | over seeds | verdict |\n|---|---|---|---|\n| a < b | lower | -1 | holds |\n"
    text = f"{claims}\n| net | x | y | z |\n|---|---|---|---|\n| a | 1 | 2 | 3 |\n"
    assert again.claims_in(text) == {"a < b": ("-1", "holds")}

"""The runner of all experiments: it runs what is missing, pairs by seed, and judges by lines that were fixed before."""

from __future__ import annotations

import importlib
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def series() -> ModuleType:
    """`examples/experiments/series.py`, imported as the scripts do."""
    sys.path.insert(0, str(ROOT / "examples" / "experiments"))
    return importlib.import_module("series")


def results(**gaps: list[float]) -> list[dict[str, Any]]:
    """Result files of arms whose figure `x` is 1 plus the gap, by seed."""
    return [{"arm": a, "seed": s, "figures": {"x": 1 + g}} for a, row in gaps.items() for s, g in enumerate(row)]


def word(series: ModuleType, claim: dict[str, Any], rows: list[dict[str, Any]]) -> str | None:
    """The verdict on arm `a` less arm `b`."""
    judged = series.judge(series.Claim(**{"a": "a", "b": "b", "measure": "x", **claim}), rows)
    return judged and judged.verdict


ZERO, UP, WIDE = [0.0] * 5, [0.30, 0.31, 0.29, 0.3, 0.3], [0.9, -0.5, 0.7, -0.3, 0.2]


@pytest.mark.parametrize(
    ("claim", "gaps", "expected"),
    [
        ({"at_least": 0.2}, UP, "holds"),
        ({"at_least": 0.4}, UP, "direction only"),
        ({"at_most": -0.2}, UP, "does not hold"),
        ({"at_least": 0.1}, WIDE, "holds, interval includes 0"),
        ({"at_most": 0.35}, UP, "holds"),
        ({"at_most": 0.3005}, UP, "holds, interval crosses the line"),
        ({"at_most": 0.2}, UP, "does not hold"),
        ({"at_least": -0.1}, ZERO, "holds"),
        ({"within": 0.305}, UP, "holds, interval crosses the line"),
        ({"within": 0.4}, UP, "holds"),
        ({"within": 0.2}, UP, "does not hold"),
        ({"direction": "up"}, UP, "direction"),
        ({"direction": "down"}, UP, "does not hold"),
        ({"b": 1.0, "within": 0.32}, UP, "holds"),
        ({"b": None, "at_least": 1.4}, UP, "does not hold"),
        ({"b": None, "at_least": 1.2}, UP, "holds"),
        ({"at_least": 0.2}, UP[:4], "too few seeds"),
        ({"at_least": 0.2}, [float("nan"), *UP[1:]], "not finite"),
    ],
)
def test_the_verdict_is_by_the_mean_with_the_interval_beside(
    series: ModuleType, claim: dict[str, Any], gaps: list[float], expected: str
):
    assert word(series, claim, results(a=gaps, b=ZERO)) == expected


def test_differences_are_paired_and_a_seed_without_its_pair_is_left_out(series: ModuleType):
    claim = series.Claim("a", "b", "x", at_least=0.05)
    rows = results(a=[0.1, 1.1, 2.1, 3.1, 4.1, 9.0], b=[0.0, 1.0, 2.0, 3.0, 4.0])
    judged = series.judge(claim, rows)
    assert len(judged.gaps) == 5
    assert judged.found.high - judged.found.low < 1e-9
    assert series.judge(series.Claim("a", "c", "x", at_least=0.1), rows) is None


def test_seeds_without_a_difference_go_no_way(series: ModuleType):
    judged = series.judge(series.Claim("a", "b", "x", direction="down"), results(a=[0, 0, -1, 1, -1], b=ZERO))
    assert judged.agree == 2


def test_a_claim_has_one_line(series: ModuleType):
    with pytest.raises(ValueError, match="one of"):
        series.Claim("a", "b", "x")
    with pytest.raises(ValueError, match="one of"):
        series.Claim("a", "b", "x", at_least=1, within=2)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {home!r})
from series import Arm, Claim, Series

def work(task):
    print("working", task.arm.name)
    if "broken" in task.settings:
        raise ValueError("on purpose")
    task.folder.mkdir(parents=True, exist_ok=True)
    (task.folder / "ran").open("a").write("x")
    return {{"x": task.seed + len(task.arm.name)}}

ARMS = (Arm("one"), Arm("three"), Arm("bad", settings=("broken",)))
CLAIMS = (Claim("three", "one", "x", at_least=1.5),)
NEEDS = tuple(map(Path, {needs!r}))
SERIES = Series("toy", ARMS, work=work, shown=("x",), claims=CLAIMS, beside=("three",), needs=NEEDS)
if __name__ == "__main__":
    sys.exit(SERIES.main())
"""


def test_runs_side_by_side_are_written_once_and_a_failure_leaves_the_others(series: ModuleType, tmp_path: Path):
    import os
    import subprocess

    script = tmp_path / "run.py"
    home = str(ROOT / "examples" / "experiments")
    script.write_text(SCRIPT.format(home=home, needs=[]))
    words = [
        sys.executable,
        str(script),
        "--out",
        str(tmp_path / "o"),
        "--seeds",
        "1",
        "2",
        "3",
        "4",
        "5",
        "--jobs",
        "2",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert first.returncode == 1 and first.stderr.count("FAILED bad") == 5
    assert "| three | 5 |" in first.stdout
    assert "+2.000 (+2.000 to +2.000) | 5 of 5 | holds |" in first.stdout
    assert "on purpose" in (tmp_path / "o" / "logs" / "bad-s1.log").read_text()
    again = subprocess.run([*words, "--only", "one", "three"], capture_output=True, text=True, check=False, env=env)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", first.stdout)
    assert {f.read_text() for f in (tmp_path / "o" / "runs").glob("*/ran")} == {"x"}
    rows = subprocess.run([*words, "--rows", "--table"], capture_output=True, text=True, check=False, env=env)
    assert rows.returncode == 0 and "| three |" not in rows.stdout and "| one | 5 |" in rows.stdout
    assert "pass line" in rows.stdout and "at least" not in rows.stdout, (
        "nor what is claimed of an arm that is left out"
    )
    script.write_text(SCRIPT.format(home=home, needs=["/none"]))
    without = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert without.returncode == series.LEFT_OUT and without.stdout.startswith("left out: needs /none, see ")
    script.write_text(SCRIPT.format(home=home, needs=[]))
    other = subprocess.run([*words, "--set", "n=1"], capture_output=True, text=True, check=False, env=env)
    assert other.returncode == 1 and "made with other settings (settings)" in other.stderr


def test_a_result_says_where_it_comes_from_and_another_spec_text_is_refused(series: ModuleType, tmp_path: Path):
    spec = tmp_path / "a.dna"
    spec.write_text("dna 1\n")
    task = series.Task(series.Arm("a", settings=("n=1",)), 3, tmp_path / "f", spec, ("n=1",))
    toy = series.Series("toy", (task.arm,))
    series.write(toy, task, tmp_path, {"seconds": 1.0, "figures": {"x": 1}})
    made = json.loads((tmp_path / "results" / "a-s3.json").read_text())
    assert made["settings"] == ["n=1"] and len(made["spec_sha256"]) == 64 and made["torch"] and made["seconds"] == 1.0
    assert "code" in made
    assert series.is_done(toy, task, tmp_path)
    spec.write_text("dna 1\n# changed\n")
    with pytest.raises(SystemExit, match="spec_sha256"):
        series.is_done(toy, task, tmp_path)


def test_runs_lie_at_absolute_places_wherever_the_script_is_called(
    series: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A spec reads a path that it is given from its own folder."""
    monkeypatch.chdir(tmp_path)
    seen: list[Path] = []
    only = series.Series("toy", (series.Arm("a"),), table=lambda found: "")
    monkeypatch.setattr(type(only), "_run_missing", lambda self, args: seen.append(args.out) or 0)
    assert only.main(["--out", "o"]) == 0
    assert seen == [tmp_path / "o"]


def test_the_last_setting_of_a_name_wins(series: ModuleType):
    assert series.merged("n=1000", "train.lr=1", "n=5") == ["n=5", "train.lr=1"]


def test_a_result_does_not_hold_where_the_repository_lies(series: ModuleType, tmp_path: Path):
    settings = (f'weights="{ROOT / ".data" / "a.bin"}"',)
    task = series.Task(series.Arm("a"), 3, tmp_path, None, settings)
    assert series.identity(task)["settings"] == ['weights=".data/a.bin"']


def test_a_run_that_was_stopped_before_its_first_checkpoint_is_made_anew(series: ModuleType, tmp_path: Path):
    began, going = tmp_path / "began", tmp_path / "going"
    for folder in (began, going):
        (folder / "checkpoints").mkdir(parents=True)
        for name in ("spec.dna", "resolved.json"):
            (folder / name).write_text("{}")
    (going / "checkpoints" / "step_5").mkdir()
    assert series.goes_on(going) and going.exists()
    assert not series.goes_on(began) and not began.exists()
    assert not series.goes_on(tmp_path / "nothing")


def test_a_copy_that_git_archive_made_knows_its_commit(series: ModuleType, tmp_path: Path):
    (tmp_path / ".git_archival.txt").write_text("node: 0123456789abcdef0123456789abcdef01234567\n")

    assert series._archived(tmp_path / ".git_archival.txt") == "0123456789ab"
    (tmp_path / "unfilled").write_text("node: $Format:%H$\n")
    assert series._archived(tmp_path / "unfilled") is None
    assert series._archived(tmp_path / "none") is None


def found(change: float, verdict: str | None, paths: int) -> dict[str, Any]:
    """What `dnac controls` says of one run, as a result file holds it."""
    law = None if verdict is None else {"verdict": verdict, "alpha": 2.0 + change}
    told = {"token_share": 0.5, "context_share": None if verdict is None else 0.1}
    counted = {"paths": paths, "tokens": 1000, "effective_paths": paths / 2, "path": told, "laws": law}
    names = ("learned", "random", "shuffled", "constant", "hash", "token", "untrained")
    rows = {name: {"control": name, "loss_change": change if name == "shuffled" else 0.0} for name in names}
    return {"controls": rows, "paths": counted, "paths_initial": {**counted, "laws": None}}


def test_controls_are_told_over_seeds_with_the_paths_before_training(series: ModuleType):
    changes = (0.1, 0.2, 0.3)
    verdicts = ("lognormal", "lognormal", None)
    rows = [
        {"arm": "a", "seed": seed, "figures": {}, "controls": found(change, verdict, 20)}
        for seed, (change, verdict) in enumerate(zip(changes, verdicts, strict=True))
    ]
    text = series.controls_table([*rows, {"arm": "b", "seed": 0, "figures": {}}], ("a", "b"))
    shuffled = "+0.200 (-0.048 to +0.448)"
    zero = "+0.000 (+0.000 to +0.000)"
    assert f"| a | 3 | {zero} | {shuffled} | {zero} | {zero} | {zero} | {zero} |" in text
    assert "| a | 20 | 1,000 | 10.0 | 50.0% | 10.0% | lognormal 2 of 3, too few paths 1 of 3, exponent 2.15 |" in text
    assert "| a, before training | 20 | 1,000 | 10.0 | 50.0% | 10.0% | too few paths 3 of 3 |" in text
    assert "| b " not in text
    assert series.controls_table([{"arm": "b", "seed": 0, "figures": {}}], ("a", "b")) == ""


def test_an_arm_whose_controls_are_missing_is_run_again(series: ModuleType, tmp_path: Path):
    task = series.Task(series.Arm("a"), 3, tmp_path / "f", None, ())
    plain, controlled = (series.Series("toy", (task.arm,), controlled=names) for names in ((), ("a",)))
    series.write(plain, task, tmp_path, {"figures": {"x": 1}})
    assert series.is_done(plain, task, tmp_path) and not series.is_done(controlled, task, tmp_path)
    task.facts["controls"] = found(0.1, None, 3)
    series.write(controlled, task, tmp_path, {"figures": {"x": 1}})
    assert series.is_done(controlled, task, tmp_path)


def test_the_controls_of_a_finished_run_are_those_of_the_command(series: ModuleType, tmp_path: Path):
    """A whole arm, on data that come with dnac: what its file holds is what `dnac controls` prints."""
    import torch

    from dnac.cli.main import main

    spec = tmp_path / "net.dna"
    spec.write_text(TINY)
    toy = series.Series(
        "toy",
        (series.Arm("tiny"), series.Arm("held", net="tiny", settings=(series.HELD,))),
        measure=lambda trained: {"loss": trained.evaluate()["loss"]},
        spec=spec,
        controlled=("tiny",),
    )
    threads = torch.get_num_threads()
    try:
        lines = [series.one(toy, task, tmp_path / "o") for task in toy.tasks(tmp_path / "o", [1], ["tiny", "held"])]
    finally:
        torch.set_num_threads(threads)
    assert not [line for line in lines if "FAILED" in line]
    made = {r["arm"]: r for r in toy.results(tmp_path / "o" / "results")}
    assert "controls" not in made["held"] and made["held"]["figures"] != made["tiny"]["figures"]
    said = io.StringIO()
    with redirect_stdout(said):
        run = tmp_path / "o" / "runs" / "tiny-s1"
        assert main(["controls", str(run), "--batches", str(series.CONTROLLED), "--device", "cpu", "--json"]) == 0
    printed = json.loads(said.getvalue())
    assert made["tiny"]["controls"]["paths"] == printed["paths"]
    assert list(made["tiny"]["controls"]["controls"].values()) == printed["controls"]


TINY = """dna 1
net tiny {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(8, positions = learned)
  pool nodes { block[2] = transformer(heads = 2); skip = identity() }
  hop: route nodes by { choose = top(1); weight = raw; balance = [] }
  head lm = unembed()
}
train tiny {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(4); lr = 1e-1
}
"""

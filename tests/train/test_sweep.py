"""A sweep: one named run for each combination of settings, checked before any trains, each of which goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dnac import data
from dnac.cli.main import main
from dnac.train import session
from dnac.train.run import Run
from dnac.train.sweep import combinations, points
from training import trace, write_spec

TWO = ("--sweep", "train.router_lr=1,2", "--seeds", "0:2")
NAMES = ["router_lr=1,s0", "router_lr=1,s1", "router_lr=2,s0", "router_lr=2,s1"]


def train(*words: object) -> int:
    return main(["train", "--no-compile", *map(str, words)])


def state(folder: Path) -> dict[str, int]:
    """Every file of a sweep, and when it was written."""
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep beside its spec."""
    folder = tmp_path_factory.mktemp("done")
    assert train(write_spec(folder), *TWO, "--out", folder / "sweep") == 0
    return folder


def test_commas_in_brackets_and_texts_belong_to_a_value() -> None:
    assert combinations(["a.b=top(1, 2),[3,4]", 'c="x,y",z']) == [
        ("a.b=top(1, 2)", 'c="x,y"'), ("a.b=top(1, 2)", "c=z"), ("a.b=[3,4]", 'c="x,y"'), ("a.b=[3,4]", "c=z"),
    ]  # fmt: skip


def test_a_point_is_named_by_its_settings_and_no_two_alike() -> None:
    assert [p.name for p in points(["width=32,64", "hop.choose=top(1)"], (0, 7))] == [
        "width=32,choose=top-1,s0", "width=32,choose=top-1,s7", "width=64,choose=top-1,s0", "width=64,choose=top-1,s7",
    ]  # fmt: skip
    alike = points(["a=f(1),f[1]"])
    assert len({p.name for p in alike}) == 2 and all(p.name.startswith("a=f-1-") for p in alike)
    assert len(points(["a=1,1,2"], (3, 3))) == 2
    (long,) = points([f"a={'x' * 500}"])
    assert len(long.name) < 120
    assert [p.name for p in points(['data="../../x","/etc"'])] == ["data=..-..-x", "data=etc"]


def test_each_point_is_a_run_with_its_settings(done: Path) -> None:
    assert sorted(p.name for p in (done / "sweep").iterdir()) == NAMES
    run = Run.open(done / "sweep" / "router_lr=2,s1")
    assert run.train["router_lr"] == 2.0 and run.resolved["seeds"] == {"init": 1, "data": 1, "routing": 1}
    assert run.resolved["settings"] == ["train.router_lr=2", "train.seed=1"]
    assert len({json.dumps(trace(done / "sweep" / name, 12)) for name in NAMES}) == 4


def test_a_point_is_the_run_that_train_gives_alone(done: Path, tmp_path: Path) -> None:
    alone = ("--set", "train.router_lr=2", "--set", "train.seed=1", "--out", tmp_path / "run")
    assert train(done / "tiny.dna", *alone) == 0
    assert trace(tmp_path / "run", 12) == trace(done / "sweep" / "router_lr=2,s1", 12)


def test_the_same_command_again_trains_nothing_and_shows_the_table(
    done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(done / "sweep")
    assert train(done / "tiny.dna", *TWO, "--out", done / "sweep") == 0
    told = capsys.readouterr()
    assert state(done / "sweep") == before
    assert told.err.count(" is finished") == 4
    assert "router_lr = 2.0" in told.out and "2 pairs of seeds" in told.out


def test_more_values_train_the_new_points_alone(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(done / "sweep")
    words = ("--sweep", "train.router_lr=1,2", "--seeds", "0,1,5", "--out", done / "sweep", "--json")
    assert train(done / "tiny.dna", *words) == 0
    found = json.loads(capsys.readouterr().out)
    after = state(done / "sweep")
    assert {name: after[name] for name in before} == before
    assert [p["state"] for p in found["points"]] == ["was finished", "was finished", "trained"] * 2
    assert [p["name"] for p in found["points"]][2] == "router_lr=1,s5"
    assert [len(group["runs"]) for group in found["compare"]["groups"]] == [3, 3]


def test_a_stopped_sweep_goes_on_to_the_same_bits(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    updates, real = [], session.train_step

    def step(run: Any, batch: Any) -> Any:
        update = real(run, batch)
        updates.append(update.step)
        if len(updates) == 17:  # step 5 of the second point
            os.kill(os.getpid(), signal.SIGTERM)
        return update

    words = (done / "tiny.dna", *TWO, "--out", tmp_path / "sweep")
    with monkeypatch.context() as patched:
        patched.setattr(session, "train_step", step)
        assert train(*words) == 143
    assert "the same command goes on" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir()) == NAMES[:2]
    assert train(*words, "--dry-run") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[2:]] == ["finished", "begun", "new", "new"]
    assert train(*words) == 0
    for name in NAMES:
        assert trace(tmp_path / "sweep" / name, 12) == trace(done / "sweep" / name, 12)


def test_faults_of_a_point_name_it_and_nothing_is_trained(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    assert train(done / "tiny.dna", "--sweep", "hop.choose=top(1),top(9)", "--seeds", "0,1", "--out", out) == 1
    told = capsys.readouterr().err
    assert "error[DNA501]" in told and "--sweep:1:12" in told
    assert "in the points choose=top-9,s0; choose=top-9,s1 of the sweep" in told
    assert not out.exists()
    assert train(done / "tiny.dna", "--sweep", "hop.chose=top(1),top(2)", "--out", out) == 1
    told = capsys.readouterr().err
    assert told.count("error[DNA216]") == 2 and "did you mean `hop.choose`?" in told
    assert train(done / "tiny.dna", "--sweep", "hop.choose=top(1),top(", "--out", out) == 1
    assert "of the sweep" in capsys.readouterr().err and not out.exists()


def test_points_share_their_data(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, real = [], data.load

    def load(*args: Any) -> Any:
        loads.append(args[0].name)
        return real(*args)

    monkeypatch.setattr(data, "load", load)
    assert train(done / "tiny.dna", *TWO, "--out", done / "sweep", "--dry-run") == 0
    assert len(loads) == 2 and capsys.readouterr().out.count("finished") == 4


def test_a_point_that_fails_is_told_and_the_others_go_on(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--set", "train.clip=none", "--sweep", "train.lr=1e17,1e-3", "--out", tmp_path / "sweep", "--json")
    assert train(done / "tiny.dna", *words) == 1
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [p["state"] for p in found["points"]] == ["failed", "trained"]
    assert "in the point lr=1e17 of the sweep" in told.err
    assert [group["runs"] for group in found["compare"]["groups"]] == [[str(tmp_path / "sweep" / "lr=1e-3")]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sweep", "width"), "gives no values"),
        (("--sweep", "=1,2"), "gives no values"),
        (("--seeds", "a"), "--seeds"),
        (("--seeds", "3:3"), "--seeds"),
        (("--seeds", "0:1000", "--sweep", "train.lr=1,2"), "2,000 points"),
        (("--seeds", "0,1", "--compiled", "x"), "--compiled"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_wrong_use(
    words: tuple[str, ...], said: str, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(done / "tiny.dna", *words) == 2
    assert said in capsys.readouterr().err


def test_a_run_of_something_else_in_a_points_folder_is_refused(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--sweep", "train.router_lr=1", "--out", done / "sweep", "--set", "train.lr=1e-4", "--seeds", "0")
    assert train(done / "tiny.dna", *words) in (1, 2)
    told = capsys.readouterr().err
    assert "in the point router_lr=1,s0 of the sweep" not in told and "is now 0.0001" in told
    other = tmp_path / "other"
    (other / "s0").mkdir(parents=True)
    (other / "s0" / "mine.txt").write_text("mine")
    assert train(done / "tiny.dna", "--seeds", "0", "--out", other) == 2
    assert (other / "s0" / "mine.txt").read_text() == "mine"

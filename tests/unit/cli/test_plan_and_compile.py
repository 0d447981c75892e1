"""`dnac plan` and `dnac compile`, as people and programs call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dnac.cli.main import main
from dnac.ir.reader import read_graph

TEXT = """dna 1
net small {
  input text(context = 6, vocabulary = 256)
  embed tokens(8, positions = none)
  pool nodes { block[2] = mlp(gelu, 1x); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  head lm = unembed(tied = false)
}
net other = small with { hop.choose = top(2) }
train small {
  data = stdlib_text(split = train, limit = 20k); valid = stdlib_text(split = valid, limit = 20k)
  batch = sequences(4); length = steps(2); lr = 1e-3
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.dna"
    path.write_text(TEXT)
    return path


def test_plan_prints_json_on_stdout(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json", f"{file}:small"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1 and found["routing_steps"] == 2 and found["paths"] == 9


def test_plan_takes_settings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json", f"{file}:small", "--set", "hop.choose=top(3)"]) == 0
    assert json.loads(capsys.readouterr().out)["paths"] == 1


def test_plan_shows_the_schedule_of_the_level(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", f"{file}:small"])
    rolled = capsys.readouterr().out
    main(["plan", f"{file}:small", "--level", "O0"])
    assert "repeat(h0) 2 turns" in rolled
    assert "repeat(" not in capsys.readouterr().out


def test_plan_on_a_gpu_that_is_not_here(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", f"{file}:small", "--device", "h200", "--batch", "3", "--precision", "bf16"]) == 0
    text = capsys.readouterr().out
    assert "on h200 (cuda sm_90): 139.0 GiB memory, bfloat16 at 742 TFLOP/s assumed" in text
    assert "batch  3 sequences, 18 tokens; " in text
    assert main(["plan", "--json", f"{file}:small", "--device", "h200"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["device"]["capability"] == [9, 0]
    assert found["batch"]["sequences"] == 4
    assert found["predicted_ms"]["step"] > 0
    assert found["diagnostics"] == []


def test_plan_says_when_a_cost_table_was_not_used(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path))
    (tmp_path / "costs-h200.json").write_text("{")
    assert main(["plan", f"{file}:small", "--device", "h200"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("DNA761") == 1
    assert "on h200" in shown.out
    assert main(["plan", "--json", f"{file}:small", "--device", "h200"]) == 0
    assert [d["code"] for d in json.loads(capsys.readouterr().out)["diagnostics"]] == ["DNA761"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "h20"], "no device `h20` is known\n  = help: did you mean h200?"),
        (["--device", "../x"], "no device `../x` is known"),
        (["--batch", "0"], "--batch must be 1 or more"),
        (["--precision", "fp3"], "--precision"),
    ],
)
def test_wrong_use_of_plan_exits_2(
    file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", f"{file}:small", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "compile"])
def test_several_nets_without_a_choice_are_wrong_use(
    file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(file)]) == 2
    assert "2 nets: small, other" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "compile"])
def test_faults_of_the_file_exit_1(file: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TEXT.replace("weight = raw", "weight = rwa"))
    assert main([command, f"{file}:small"]) == 1
    assert "raw" in capsys.readouterr().err


def test_a_dump_can_be_read_back(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", f"{file}:small", "--dump-after", "elaborate", "--dump-after", "roll_steps"]) == 0
    before, after = capsys.readouterr().out.split("// after roll_steps\n")
    assert len(read_graph(before).nodes) == 4 and len(read_graph(after).nodes) == 3


def test_dumps_as_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", f"{file}:small", "--json", "--dump-after", "stack_same_kind"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["graphs"]) == ["stack_same_kind"] and "banks" in found["graphs"]["stack_same_kind"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dump-after", "roll"], "no pass `roll` at O2"),
        (["--level", "O0", "--dump-after", "roll_steps"], "there are elaborate, stack_same_kind"),
        (["--batch", "0"], "--batch must be 1 or more"),
        (["--level", "O9"], "--level"),
    ],
)
def test_wrong_use_of_compile_exits_2(
    file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", f"{file}:small", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", f"{file}:small", "-o", str(file.parent)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_folder_that_was_compiled_for_another_net_is_not_used(file: Path, tmp_path: Path) -> None:
    from dnac.driver import load
    from dnac.lowering.warm import start_from, write_report

    folder = tmp_path / "warm"
    folder.mkdir()
    graph, other = load(f"{file}:small").graph, load(f"{file}:other").graph
    assert "is no folder that" in start_from(folder, graph)
    write_report(folder, other, {})
    assert start_from(folder, graph) == f"{folder} was compiled for another graph"


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Puts the compiler's cache back where it was."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", os.environ.get("TORCHINDUCTOR_CACHE_DIR", ""))
    return monkeypatch


def test_without_a_compiler_all_else_is_left_and_said(
    file: Path, tmp_path: Path, private: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dnac.lowering import compile as compiling
    from dnac.lowering import errors

    private.setattr(compiling, "missing_compiler", lambda device: errors.no_compiler("no C++ compiler was found"))
    out = tmp_path / "out"
    assert main(["compile", f"{file}:small", "-o", str(out), "--json", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["compile_seconds"] is None and "no C++ compiler was found" in found["notes"][0]
    assert {p.name for p in out.iterdir()} == {"resolved.ir", "plan.json", "schedule.txt", "compiled.json"}
    assert read_graph((out / "resolved.ir").read_text()).name == "small"
    assert main(["compile", f"{file}:small", "-o", str(out), "--device", "cpu"]) == 0


def test_equal_steps_are_compiled_once_where_that_is_asked_for(
    file: Path, private: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    seen: list[str] = []
    private.setattr(torch, "compile", lambda function, **_: seen.append(function.__name__) or function)
    steps = ["--by", "steps"]
    for words, by, functions in ((steps, "steps", 3), ([], "whole", 1), ([*steps, "--level", "O0"], "whole", 1)):
        seen.clear()
        assert main(["compile", f"{file}:small", "--json", "--device", "cpu", *words]) == 0
        assert (json.loads(capsys.readouterr().out)["by"], len(seen)) == (by, functions + 1)  # and the loss


def test_a_run_is_compiled_by_steps_where_asked_for_and_goes_on_so(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    pieces: list[str] = []

    def compiled(function: Callable[..., object], **_: object) -> Callable[..., object]:
        pieces.extend([function.__name__] if function.__name__.startswith("piece") else [])
        return function

    monkeypatch.setattr(torch, "compile", compiled)
    run = tmp_path / "run"
    words = ["train", f"{file}:small", "--out", str(run), "--device", "cpu", "--plain"]
    assert main([*words, "--compile", "--compile-by", "steps", "--set", "train.save_every=steps(1)"]) == 0
    assert len(pieces) == 3 and json.loads((run / "resolved.json").read_text())["compile_by"] == "steps"
    assert main(["train", str(run), "--resume", "--device", "cpu", "--plain"]) == 0
    assert len(pieces) == 6
    assert main([*words[:2], "--out", str(tmp_path / "no"), *words[4:], "--no-compile"]) == 0
    assert len(pieces) == 6 and json.loads((tmp_path / "no" / "resolved.json").read_text())["compile_by"] is None


@pytest.mark.slow
@pytest.mark.compiles
@pytest.mark.parametrize(("by", "graphs"), [("whole", 1), ("steps", 3)])
def test_train_starts_from_a_compiled_folder_without_compiling(
    file: Path, tmp_path: Path, by: str, graphs: int
) -> None:
    def dnac(*words: str) -> str:
        env = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "elsewhere"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-m", "dnac", *words], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = tmp_path / "out"
    report = json.loads(dnac("compile", f"{file}:small", "-o", str(out), "--by", by, "--json", "--device", "cpu"))
    assert (report["graphs"], report["breaks"]) == (graphs, 0)
    built = {p for p in out.rglob("*.so")}
    assert built
    trained = json.loads(
        dnac("train", f"{file}:small", "--dry-run", "--json", "--compiled", str(out), "--device", "cpu")
    )
    assert trained["compile"] is True
    assert {p for p in out.rglob("*.so")} == built
    assert not list((tmp_path / "elsewhere").rglob("*.so"))

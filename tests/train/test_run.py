"""Run folders and the train command: refused, resumed, damaged, opened again."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dnac import catalogue
from dnac.cli.main import main
from dnac.text.diagnostic import Diagnostic, Faults
from dnac.train import session, tensorboard
from dnac.train.run import Run
from training import trace, write_spec


def train(*words: object) -> int:
    return main(["train", "--no-compile", *map(str, words)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run beside its spec."""
    folder = tmp_path_factory.mktemp("done")
    spec = write_spec(folder, keep="3")
    assert train(spec, "--out", folder / "run") == 0
    return folder


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    """A copy of it, with its spec."""
    shutil.copytree(done, tmp_path / "copy")
    return tmp_path / "copy" / "run"


def test_a_run_folder_says_everything_that_was_decided(done: Path) -> None:
    run = done / "run"
    resolved = json.loads((run / "resolved.json").read_text())
    assert (run / "spec.dna").read_text() == (done / "tiny.dna").read_text()
    assert sorted(p.name for p in run.iterdir()) == [
        "checkpoints",
        "metrics.jsonl",
        "plan.json",
        "resolved.json",
        "spec.dna",
    ]
    assert resolved["seeds"] == {"init": 1, "data": 1, "routing": 1}
    assert resolved["versions"]["torch"] == torch.__version__
    assert len(resolved["data"]["train"]["sha256"]) == 64
    assert json.loads((run / "plan.json").read_text())["version"] == 1
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 4, 6, 8, 10, 12]
    assert [line["step"] for line in lines if "valid_loss" in line] == [6, 12]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert all(0 <= line["skip_share"] <= 1 and line["active_flops_per_token"] > 0 for line in lines)


def test_a_folder_that_holds_anything_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = trace(run, 12)
    assert train(run.parent / "tiny.dna", "--out", run) == 2
    assert "DNA732" in capsys.readouterr().err
    (run.parent / "mine").mkdir()
    (run.parent / "mine" / "notes.txt").write_text("mine")
    assert train(run.parent / "tiny.dna", "--out", run.parent / "mine") == 2
    assert trace(run, 12) == before and len(list((run.parent / "mine").iterdir())) == 1


@pytest.mark.parametrize("case", ["nowhere", "no checkpoints", "all damaged", "only leftovers"])
def test_resume_without_a_usable_checkpoint_never_starts_afresh(
    run: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, steps = run / "checkpoints", list((run / "checkpoints").iterdir())
    match case:
        case "nowhere":
            shutil.rmtree(run)
        case "no checkpoints":
            shutil.rmtree(folder)
        case "all damaged":
            for step in steps:
                (step / "weights.safetensors").write_bytes(b"")
        case _:
            for step in steps:
                step.rename(folder / f".{step.name}.saving")
    assert train(run.parent / "tiny.dna", "--out", run, "--resume") == 2
    assert ("DNA733" if case == "nowhere" else "DNA730") in capsys.readouterr().err
    assert case == "nowhere" or len((run / "metrics.jsonl").read_text().splitlines()) == 7


@pytest.mark.parametrize(("field", "value"), [("lr", "5e-3"), ("seed", "2"), ("batch", "sequences(8)")])
def test_resume_with_other_settings_is_refused(
    run: Path, field: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(write_spec(run.parent, keep="3", **{field: value}), "--out", run, "--resume") == 2
    told = capsys.readouterr().err
    assert "DNA735" in told and field in told


def test_resume_with_another_net_or_other_samples_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = run.parent / "tiny.dna"
    assert train(spec, "--out", run, "--resume", "--set", "hop.combine=in_branch") == 2
    assert "the net has changed" in capsys.readouterr().err
    (run.parent / "train.txt").write_text("something else altogether, and long enough to fill a window. " * 6)
    assert train(spec, "--out", run, "--resume") == 2
    assert "samples of `data`" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_ends_in_the_same_bits(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = trace(run, 12)
    file = run / "checkpoints" / "step_12" / "optimizer.safetensors"
    flipped = bytearray(file.read_bytes())
    flipped[-5] ^= 16
    file.write_bytes(flipped)
    assert train(run, "--resume") == 0
    told = capsys.readouterr().err
    assert "checkpoint step_12 is damaged: optimizer.safetensors" in told and "going on from step_10" in told
    assert trace(run, 12) == wanted
    assert (run / "checkpoints" / "damaged_step_12").is_dir()


def test_a_finished_run_resumed_is_left_as_it_is(run: Path) -> None:
    before = trace(run, 12)
    assert train(run, "--resume") == 0
    assert trace(run, 12) == before


def test_a_loss_that_is_not_finite_stops_with_its_true_value_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, real = write_spec(tmp_path), session.train_step

    def poisoned(training: session.Training, batch: object) -> object:
        if training.step == 6:
            training.network.get_parameter("hop.1.weight").data[0, 0] = float("nan")
        return real(training, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "train_step", poisoned)
    assert train(spec, "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert "DNA722" in told and "train step 7" in told and "hop[1]" in told and "tiny.dna:" in told
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 7 and last["loss"] is None and last["fault"]["code"] == "DNA722"
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == ["step_0", "step_5"]
    monkeypatch.setattr(session, "train_step", real)
    assert train(spec, "--out", tmp_path / "run", "--resume") == 0


def test_an_opened_run_has_the_trained_weights_and_needs_nothing_but_its_folder(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.parent / "tiny.dna").unlink()
    opened = Run.open(run)
    heard: list[Diagnostic] = []
    network = opened.network(heard.append)
    before = network.state_dict()["nodes.block.mlp.up"].clone()
    assert not network.training and heard == []
    assert not torch.equal(before, opened.spec.build(seed=1).state_dict()["nodes.block.mlp.up"])
    more = opened.network(heard.append, settings=["hop.choose=top(2)", "hop.weight=raw"])
    assert torch.equal(before, more.state_dict()["nodes.block.mlp.up"])
    with pytest.raises(Faults, match="DNA734"):
        opened.network(heard.append, settings=["lm.tied=true"])


class Writer:
    """Stands for TensorBoard's own writer."""

    def __init__(self, folder: str) -> None:
        self.scalars: dict[str, float] = {}
        written[folder] = self.scalars

    def add_scalar(self, name: str, number: float, step: int) -> None:
        self.scalars[f"{name}@{step}"] = number

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        self.scalars["closed"] = 1.0


written: dict[str, dict[str, float]] = {}


def test_tensorboard_is_refused_at_the_start_where_it_is_missing_and_gets_every_number_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_spec(tmp_path, length="steps(2)")
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    assert train(spec, "--out", tmp_path / "run", "--tensorboard") == 2
    assert "DNA654" in capsys.readouterr().err and not (tmp_path / "run").exists()
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    assert train(spec, "--out", tmp_path / "run", "--tensorboard") == 0
    scalars = written[str(tmp_path / "run" / "tensorboard")]
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert scalars["loss@2"] == last["loss"] and scalars["closed"] == 1
    assert scalars["routing/hop[1]/entropy@2"] == last["routing"]["hop[1]"]["entropy"]


def test_weights_that_overflow_are_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, real = write_spec(tmp_path), session.train_step

    def overflowing(training: session.Training, batch: object) -> object:
        update = real(training, batch)  # type: ignore[arg-type]
        if update.step == 5:
            training.network.get_parameter("lm.weight").data[0, 0] = float("inf")
        return update

    monkeypatch.setattr(session, "train_step", overflowing)
    assert train(spec, "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert "DNA723" in told and "lm.weight" in told and "inf" in told and "tiny.dna:12:8" in told
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step_0"]


def test_used_up_memory_is_told_with_smaller_micro_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("dnac.train.loop.whole_loss", full)
    assert train(write_spec(tmp_path), "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert "DNA725" in told and "3 sequences" in told and "accumulate = 4" in told


@pytest.mark.parametrize(
    ("weight", "code", "said"),
    [
        ("lm.weight", "DNA720", "first in the output of `lm`, declared at"),
        ("nodes.block.mlp.up", "DNA722", "before it, in the output of `nodes.block[1]` at `hop[0]`, declared at"),
        ("hop.1.weight", "DNA722", "at `hop[1]` (routing step 1), declared at"),
    ],
)
def test_the_module_where_numbers_went_wrong_is_named_with_its_line(
    weight: str,
    code: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = session.train_step

    def poisoned(training: session.Training, batch: object) -> object:
        if training.step == 2:
            data = training.network.get_parameter(weight).data
            (data[1] if weight.startswith("nodes") else data).fill_(float("nan"))
            if weight.startswith("nodes"):  # all tokens choose it, and that without the bias of a choice
                training.network.get_parameter("hop.0.weight").data.zero_()
                training.network.get_buffer("hop.0.bias").copy_(torch.tensor([0.0, 9.0, 0.0, 0.0]))
        return real(training, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "train_step", poisoned)
    assert train(write_spec(tmp_path), "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert f"error[{code}]" in told and said in told
    assert ("before it" in told) == ("before it" in said)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("data", 'text("gone.txt")', "DNA620"),
        ("valid", 'text("gone.txt")', "DNA620"),
        ("valid", 'text("train.txt")', "DNA629"),
        ("data", "digits(split = train)", "DNA626"),
        ("length", "epochs(0.0001)", "DNA652"),
    ],
)
def test_a_fault_of_the_data_stands_at_its_line(
    field: str, value: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_spec(tmp_path, **{field: value})
    lines = enumerate(spec.read_text().splitlines(), start=1)
    place = next(f"{number}:{len(field) + 6}" for number, line in lines if line.startswith(f"  {field} ="))
    assert train(spec, "--out", tmp_path / "run") in (1, 2)
    told = capsys.readouterr().err
    assert f"error[{code}]" in told and f"tiny.dna:{place}" in told and "^" in told


def test_data_for_another_input_show_the_input_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path)
    spec.write_text(spec.read_text().replace("vocabulary = 256", "vocabulary = 200"))
    assert train(spec, "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert "DNA624" in told and "the net takes this" in told and "vocabulary = 200" in told


def test_memory_that_runs_out_names_the_module_that_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setitem(catalogue.get("module", "mlp").__dict__, "forward", full)
    assert train(write_spec(tmp_path), "--out", tmp_path / "run") == 1
    told = capsys.readouterr().err
    assert "DNA725" in told and "at `nodes.block`, declared at" in told and "tiny.dna:5:16" in told


def test_a_file_without_a_train_block_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path)
    spec.write_text(spec.read_text().split("train tiny")[0])
    assert train(spec, "--out", tmp_path / "run") == 1
    assert "DNA650" in capsys.readouterr().err


def test_a_run_of_a_newer_dnac_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resolved = json.loads((run / "resolved.json").read_text())
    (run / "resolved.json").write_text(json.dumps({**resolved, "format": 2}))
    assert train(run, "--resume") == 2
    assert "DNA736" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cuda:99", "tpu"])
def test_a_device_that_is_not_here_is_wrong_use(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(write_spec(tmp_path), "--out", tmp_path / "run", "--device", name) == 2
    told = capsys.readouterr().err
    assert ("DNA739" if name == "cuda:99" else "no device") in told and not (tmp_path / "run").exists()


def test_used_files_go_with_the_run_unless_they_take_its_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_spec(tmp_path, length="steps(1)")
    recipe = "dna 1\ndef module block(heads = 2) { transformer(heads = heads, dropout = 10%) }\n"
    text = spec.read_text().replace("dna 1\n", 'dna 1\nuse "NAME" as parts\n')
    text = text.replace("transformer(heads = 2, dropout = 10%)", "parts.block(heads = 2)")
    for name in ("parts/blocks.dna", "spec.dna"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(recipe)
    spec.write_text(text.replace("NAME", "parts/blocks.dna"))
    assert train(spec, "--out", tmp_path / "run") == 0
    assert (tmp_path / "run" / "parts" / "blocks.dna").read_text() == recipe
    assert Run.open(tmp_path / "run").network(lambda d: None) is not None
    spec.write_text(text.replace("NAME", "spec.dna"))
    assert train(spec, "--out", tmp_path / "other") == 1
    assert "DNA738" in capsys.readouterr().err and not list(tmp_path.glob("*other*"))


def test_a_dry_run_trains_two_steps_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_spec(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert train(spec, "--dry-run", "--out", tmp_path / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["losses"]) == 2 and found["steps"] == 12 and found["peak_bytes"] > 1e6
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_the_default_folder_is_named_after_net_spec_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write_spec(tmp_path, length="steps(1)")
    assert [train(spec, "--set", f"train.seed={s}") for s in (1, 2)] == [0, 0]
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert [n[:5] for n in names] == ["tiny-", "tiny-"]
    assert names[0][:-1] == names[1][:-1] and [n[-3:] for n in names] == ["-s1", "-s2"]

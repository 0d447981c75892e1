"""`dnac import` makes a run that `eval` and `generate` read; a folder that is no checkpoint is wrong use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import llamas
from dnac.cli.main import main
from dnac.train.run import Run

TRAIN = """
train tiny {
  data = tokens("ids.bin")
  valid = tokens("ids.bin")
  batch = sequences(2)
  length = steps(1)
  lr = 1e-3
}
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A Mixtral in two files with their index."""
    folder, state = tmp_path / "mixtral", llamas.mixtral()
    folder.mkdir()
    names = sorted(state)
    files = {"model-00001.safetensors": names[:20], "model-00002.safetensors": names[20:]}
    for file, keys in files.items():
        save_file({k: state[k] for k in keys}, folder / file)
    index = {"weight_map": {k: file for file, keys in files.items() for k in keys}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(llamas.MIXTRAL))
    return folder


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.dna"
    path.write_text(llamas.MIXTRAL_SPEC)
    return path


def refuse(message: str) -> Any:
    raise AssertionError(message)


def test_the_run_gives_the_logits_of_the_checkpoint(checkpoint: Path, spec: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    assert main(["import", str(checkpoint), str(spec), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"version": 1, "run": str(out), "net": "tiny", "parameters": 13008}
    network = Run.open(out).network(refuse)
    ids = torch.randint(llamas.V, (2, llamas.T), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = llamas.logits(llamas.mixtral(), ids, base=1e6)
        torch.testing.assert_close(network(ids).logits, wanted, rtol=0, atol=1e-5)


def test_eval_measures_the_imported_weights(checkpoint: Path, spec: Path, tmp_path: Path, capsys: Any) -> None:
    random = torch.Generator().manual_seed(2)
    ids = torch.randint(llamas.V, (1 + 10 * llamas.T,), generator=random)
    (tmp_path / "ids.bin").write_bytes(b"".join(i.to_bytes(2, "little") for i in ids.tolist()))
    spec.write_text(llamas.MIXTRAL_SPEC + TRAIN)
    out = tmp_path / "run"
    assert main(["import", str(checkpoint), str(spec), "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["eval", str(out), "--json", "--device", "cpu"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    windows, targets = ids[:-1].view(10, llamas.T), ids[1:].view(10, llamas.T)
    logits = llamas.logits(llamas.mixtral(), windows, base=1e6)
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert found["loss"] == pytest.approx(float(wanted), abs=1e-5)


def test_a_folder_that_is_taken_is_left_alone(checkpoint: Path, spec: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("mine")
    assert main(["import", str(checkpoint), str(spec), "--out", str(tmp_path / "run")]) == 2
    assert "DNA732" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine"]


def test_a_checkpoint_of_another_model_leaves_no_folder(checkpoint: Path, spec: Path, tmp_path: Path) -> None:
    (checkpoint / "config.json").write_text(json.dumps(llamas.MIXTRAL | {"rope_theta": 1e4}))
    assert main(["import", str(checkpoint), str(spec), "--out", str(tmp_path / "run")]) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("config.json", None, "it has no config.json"),
        ("config.json", "{", "config.json is not JSON"),
        ("config.json", "[" * 100_000, "config.json is not JSON"),
        ("config.json", "[]", "config.json holds no object"),
        ("model.safetensors.index.json", None, "it has no model.safetensors"),
        ("model.safetensors.index.json", '{"weight_map": {"a": "../secret"}}', "names no files beside it"),
        ("model.safetensors.index.json", '{"weight_map": {"a": ["b"]}}', "names no files beside it"),
        ("model-00001.safetensors", "no tensors", "model-00001.safetensors: "),
        ("model-00002.safetensors", None, "model-00002.safetensors: "),
    ],
)
def test_what_is_no_checkpoint_is_wrong_use(
    file: str, text: str | None, why: str, checkpoint: Path, spec: Path, tmp_path: Path, capsys: Any
) -> None:
    (checkpoint / file).unlink()
    if text is not None:
        (checkpoint / file).write_text(text)
    assert main(["import", str(checkpoint), str(spec), "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert "DNA750" in err
    assert why in err


def test_pickles_are_not_read(checkpoint: Path, spec: Path, tmp_path: Path, capsys: Any) -> None:
    (checkpoint / "model.safetensors.index.json").rename(checkpoint / "pytorch_model.bin")
    assert main(["import", str(checkpoint), str(spec), "--out", str(tmp_path / "run")]) == 2
    assert "pickles, which can run code" in capsys.readouterr().err

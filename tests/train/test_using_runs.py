"""`eval`, `compare` and `generate` on runs that were really trained, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from dnac.cli.main import main

SPEC = """dna 1
net small {
  input text(context = 16, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = learned)
  pool nodes { block[3] = transformer(heads = 2); skip = identity() }
  repeat 2 {
    hop: route nodes by { choose = top(2); weight = raw; balance = skip_target(skip, 25%, per = step, rate = 0.05) }
  }
  head lm = unembed(tied = false, norm = layer)
}
net dense = small with { hop.choose = all; hop.balance = [] }
train small {
  data = text("a.txt", split = train)
  valid = text("a.txt", split = valid)
  batch = sequences(4); length = steps(6); lr = 1e-2; eval_every = steps(3); seed = 1
}
train dense {
  data = text("a.txt", split = train)
  valid = text("a.txt", split = valid)
  batch = sequences(4); length = steps(6); lr = 1e-2; eval_every = steps(3); seed = 1
}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two nets with two seeds each, in `s1`, `s2`, `d1`, `d2`."""
    folder = tmp_path_factory.mktemp("runs")
    patch = pytest.MonkeyPatch()
    patch.setenv("DNAC_CACHE", str(folder / "cache"))
    (folder / "net.dna").write_text(SPEC)
    (folder / "a.txt").write_text("the quick brown fox jumps over the lazy dog, again and again.\n" * 40)
    for net, letter in (("small", "s"), ("dense", "d")):
        for seed in (1, 2):
            words = [f"{folder}/net.dna:{net}", "--set", f"train.seed={seed}", "--out", f"{folder}/{letter}{seed}"]
            assert main(["train", *words, "--plain", "--no-compile", "--device", "cpu"]) == 0
    yield folder
    patch.undo()


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict:  # type: ignore[type-arg]
    """The JSON that a command prints; nothing else is on stdout."""
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_eval_measures_the_whole_split(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "eval", str(runs / "s1"), "--device", "cpu")
    (result,) = found["results"]
    assert found["version"] == 1 and found["step"] == 6 and found["split"] == "valid"
    assert result["targets"] == round(0.1 * 62 * 40) - 1
    assert 2 < result["loss"] < 6 and set(result["routers"]) == {"hop[0]", "hop[1]"}
    last = [json.loads(line) for line in (runs / "s1" / "metrics.jsonl").read_text().splitlines()][-1]
    assert result["loss"] == pytest.approx(last["valid_loss"], rel=1e-5), "training evaluated the same targets"


def test_eval_twice_says_the_same_and_leaves_the_run_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.read_bytes() for p in (runs / "s1").rglob("*") if p.is_file()}
    first, second = (said(capsys, "eval", str(runs / "s1"), "--device", "cpu") for _ in range(2))
    assert first == second
    assert {p: p.read_bytes() for p in (runs / "s1").rglob("*") if p.is_file()} == before


def test_a_run_of_a_gpu_is_used_on_a_cpu_with_a_note(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copytree(runs / "s1", tmp_path / "run")
    resolved = json.loads((run / "resolved.json").read_text())
    assert (resolved["lowering"], resolved["choices"]) == ("portable", {})
    changed = resolved | {"lowering": "grouped", "choices": {"attention": "segments"}}
    (run / "resolved.json").write_text(json.dumps(changed))
    for lowering, notes in (([], 1), (["--lowering", "portable"], 0)):
        capsys.readouterr()
        assert main(["eval", str(run), "--device", "cpu", "--json", *lowering]) == 0
        shown = capsys.readouterr()
        assert shown.err.count("DNA763") == notes
        (result,) = json.loads(shown.out)["results"]
        assert result["loss"] == said(capsys, "eval", str(runs / "s1"), "--device", "cpu")["results"][0]["loss"]


def test_a_sweep_gives_quality_against_cost(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--sweep", "hop.choose=top(1),top(2),top(3)", "--device", "cpu", "--batches", "2")
    results = said(capsys, "eval", str(runs / "s1"), *words)["results"]
    assert [r["settings"] for r in results] == [[f"hop.choose=top({k})"] for k in (1, 2, 3)]
    costs = [r["active_flops_per_token"] for r in results]
    assert costs == sorted(costs) and len({r["loss"] for r in results}) == 3


def test_a_setting_may_replace_one_of_the_runs_own(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = said(capsys, "eval", str(runs / "s1"), "--set", "train.seed=7", "--device", "cpu")["results"]
    assert result["settings"] == ["train.seed=7"]


def test_a_changed_net_that_does_not_fit_names_the_weights(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(runs / "s1"), "--set", "nodes.block=mlp(gelu, 2x)", "--device", "cpu"]) == 1
    err = capsys.readouterr().err
    assert "DNA734" in err and "nodes.block.attention" in err
    assert "`nodes.block.mlp.up` is" in err and ", declared at " in err and "spec.dna:5:16" in err


@pytest.mark.parametrize("words", [["eval"], ["generate", "--prompt", "a"], ["compare"]])
def test_what_is_no_run_is_wrong_use(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, str(tmp_path)]) == 2
    assert "DNA733" in capsys.readouterr().err


def test_generate_goes_on_from_a_prompt(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("generate", str(runs / "s1"), "--prompt", "the ", "--tokens", "9", "--device", "cpu")
    greedy = [said(capsys, *words, "--greedy", "--seed", str(seed)) for seed in (1, 2)]
    assert greedy[0]["ids"] == greedy[1]["ids"] and len(greedy[0]["ids"]) == 9
    windows = said(capsys, *words, "--greedy", "--no-cache")
    assert (greedy[0]["cached"], windows["cached"]) == (True, False) and windows["ids"] == greedy[0]["ids"]
    drawn = [said(capsys, *words, "--seed", str(seed))["ids"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    capsys.readouterr()
    assert main([*words, "--greedy"]) == 0
    assert capsys.readouterr().out == "the " + greedy[0]["text"] + "\n"


def test_generate_writes_samples_of_the_next_seeds(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("generate", str(runs / "s1"), "--prompt", "the ", "--tokens", "5", "--device", "cpu")
    found = said(capsys, *words, "--samples", "2", "--seed", "3")
    alone = [said(capsys, *words, "--seed", seed)["samples"] for seed in ("3", "4")]
    assert found["samples"] == [text for (text,) in alone]
    assert {**found["samples"][0], "seed": 3}.items() <= found.items()
    capsys.readouterr()
    assert main([*words, "--samples", "2", "--seed", "3"]) == 0
    assert capsys.readouterr().out == "\n\n".join("the " + text["text"] for text in found["samples"]) + "\n"


def test_the_python_example_of_the_page_runs(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    copytree(runs / "s1", tmp_path / "runs" / "first")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/cli.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "def main(" in shown and "class " in shown and len(shown) > 80


def test_generate_refuses_wrong_values(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, what in (
        (["--top-p", "2"], "top-p"),
        (["--tokens", "0"], "--tokens"),
        (["--samples", "0"], "--samples"),
        ([], "DNA642"),
    ):
        assert main(["generate", str(runs / "s1"), "--device", "cpu", *words]) == 2
        assert what in capsys.readouterr().err


def test_compare_pairs_the_seeds_of_two_nets(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(runs / name) for name in ("s1", "s2", "d2", "d1")]
    picture = runs / "curves.svg"
    found = said(capsys, "compare", *folders, "--plot", str(picture))
    assert [(g["name"], len(g["runs"])) for g in found["groups"]] == [("small", 2), ("dense", 2)]
    assert all(d["paired"] and d["count"] == 2 for d in found["differences"])
    assert [p["step"] for p in found["curves"]["small"]] == [3, 6]
    assert picture.read_text().count("<svg class") == 3 and "training FLOPs" in picture.read_text()
    assert main(["compare", *folders]) == 0
    table = capsys.readouterr().out
    assert "small" in table and "2 pairs of seeds" in table

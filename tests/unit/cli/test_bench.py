"""`dnac bench` from end to end, uncompiled, on small nets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dnac.cli.main import main

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "examples" / "04_skip_and_train.dna")
SMALL = ["--no-compile", "--device", "cpu", "--steps", "2", "--batch", "2", "--tokens", "16"]


@pytest.fixture(autouse=True)
def no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path / "costs"))


def test_it_prints_json_with_every_figure_on_its_page(capsys: pytest.CaptureFixture[str]):
    words = [
        "bench",
        EXAMPLE,
        "--against",
        "dense,naive",
        "--skip",
        "25%",
        "--routes",
        "uniform,zipf",
        *SMALL,
        "--json",
    ]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    (net,) = found["nets"]
    assert [c["name"] for c in net["cases"]] == [
        "dnac uniform", "dnac zipf", "dnac uniform skip 25%", "dnac zipf skip 25%", "dense", "naive", "floor",
    ]  # fmt: skip
    assert (net["net"], net["batch"], net["tokens"], net["lowering"]) == ("skipping", 2, 16, "portable")
    assert net["notes"] == []
    skipping = net["cases"][2]
    assert skipping["ms"]["n"] == 2
    assert skipping["saving"] is not None
    page = (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")
    keys = {*found, *net, *skipping, *skipping["ms"], *skipping["against"]["dense"]}
    assert not {key for key in keys if f"`{key}`" not in page.replace("[].", "`, `").replace("[]`", "`")}


def test_it_prints_a_table_and_draws_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    picture = tmp_path / "times.svg"
    assert main(["bench", EXAMPLE, "--against", "dense,naive", *SMALL, "--plot", str(picture)]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^ ?skipping: 103,616 parameters, 2 x 16 tokens, portable, eager, float32", out, re.MULTILINE)
    for name in ("dnac uniform", "dense", "naive"):
        assert re.search(rf"^ {name} +[\d.,]+ ", out, re.MULTILINE), out
    assert re.search(r"^ dnac uniform +dense +\d+\.\d{3} ", out, re.MULTILINE)
    assert "peak GiB" not in out
    assert f"wrote {picture}" in err
    texts = [e.text or "" for e in ElementTree.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert {"dnac uniform", "dense", "naive"} <= set(texts)
    assert any(re.fullmatch(r"[\d.]+ ms, \d+\.\d\dx dense", text) for text in texts)


def test_a_missing_twin_is_a_note_and_the_rest_is_measured(capsys: pytest.CaptureFixture[str]):
    words = ["bench", str(ROOT / "examples" / "07_images.dna"), "--against", "dense,floor", *SMALL[:-2]]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "note: no baseline `dense`: `mix[0]` chooses among unlike modules" in out
    assert re.search(r"^ floor +[\d.]+ ", out, re.MULTILINE)


def test_settings_change_the_net(capsys: pytest.CaptureFixture[str]):
    words = ["bench", EXAMPLE, "--set", "hop.choose=top(1)", "--against", "dense", *SMALL, "--json"]
    assert main(words) == 0
    (net,) = json.loads(capsys.readouterr().out)["nets"]
    dense = next(c for c in net["cases"] if c["name"] == "dense")
    block = 16 * 24 * 32 * 32 + 4 * 32 * 16 * 17 / 2
    assert dense["flops_per_step"] == 3 * 2 * ((1 + 3) * block + 16 * 2 * 32 * 256)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--against", "dens"], "error: no baseline `dens`\n  = help: did you mean dense?"),
        (["--routes", "zipff"], "error: no kind of routes `zipff`\n  = help: did you mean zipf?"),
        (["--routes", ""], "error: no kind of routes ``"),
        (["--against", "dense,none"], "error: no baseline `none`"),
        (["--precision", "bf15"], "error: no precision `bf15`\n  = help: did you mean bf16?"),
        (["--plot", "times.png"], "error: cannot draw `times.png`"),
        (["--tokens", "65"], "error: --tokens 65 is more than the context of `skipping`, 64"),
        (["--skip", "150%"], "'150%' is not between 0 and 1; write 25% or 0.25"),
        (["--skip", "some"], "'some' is no share; write 25% or 0.25"),
        (["--steps", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_wrong_use_is_said_in_a_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert _code(["bench", EXAMPLE, "--device", "cpu", *words]) == 2
    assert message in capsys.readouterr().err


def test_images_have_no_tokens_to_choose(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", str(ROOT / "examples" / "07_images.dna"), "--device", "cpu", "--tokens", "4"]) == 2
    assert "reads images" in capsys.readouterr().err


def test_too_large_a_batch_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    import torch

    from dnac.bench import bench

    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr(bench, "warm_up", full)
    assert main(["bench", EXAMPLE, *SMALL]) == 2
    assert (
        "error: no memory for all programs at 2 x 16 tokens\n  = help: try a smaller --batch" in capsys.readouterr().err
    )


def _code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as stopped:
        return int(stopped.code or 0)

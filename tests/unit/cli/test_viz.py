from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from dnac.cli.main import main

ROOT = Path(__file__).parents[3]
ROUTE = str(ROOT / "examples" / "03_route.dna")
TWO_NETS = str(ROOT / "examples" / "02_names_and_repeats.dna")

SMALL = """dna 1
net small {
  input image([8, 8], channels = 1, classes = 10)
  embed patches(16, size = 4, positions = learned)
  pool nodes { block[3] = transformer(heads = 2); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  head cls = classify(pool = mean)
}
train small {
  data = digits(split = train); valid = digits(split = valid)
  batch = sequences(8); length = steps(2); lr = 1e-3
}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two train steps."""
    folder = tmp_path_factory.mktemp("viz")
    spec = folder / "small.dna"
    spec.write_text(SMALL)
    assert main(["train", str(spec), "--out", str(folder / "run"), "--no-compile"]) == 0
    return folder / "run"


def test_a_net_is_drawn_in_every_form_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    outputs = [tmp_path / f"net.{form}" for form in ("dot", "mmd", "html")]
    assert main(["viz", ROUTE, *(w for o in outputs for w in ("-o", str(o)))]) == 0
    assert all("block" in o.read_text() for o in outputs)
    out, err = capsys.readouterr()
    assert out == ""
    assert "routed: wrote" in err


def test_json_names_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "net.mmd"
    assert main(["viz", ROUTE, "--json", "-o", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "net": "routed", "files": [str(path)]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((ROUTE,), "where shall the picture go?"),
        ((ROUTE, "-o", "net.bmp"), "a picture ends in .svg, .png, .dot, .mmd, .html"),
        ((ROUTE, "-o", "no/such/folder/net.dot"), "no folder `no/such/folder`"),
        ((TWO_NETS, "-o", "x.dot"), "declares 2 nets: separate, shared"),
        ((f"{TWO_NETS}:shard", "-o", "x.dot"), "did you mean"),
    ],
)
def test_wrong_use_exits_2_before_anything_is_written(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    assert main(["viz", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_graphviz_svg_is_one_clear_line_and_html_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["viz", ROUTE, "-o", str(tmp_path / "x.svg")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: .svg needs the program `dot`, which is not installed"
    assert "write .html, .mmd or .dot" in second
    assert main(["viz", ROUTE, "-o", str(tmp_path / "x.html")]) == 0
    assert "<svg" in (tmp_path / "x.html").read_text()


def test_a_set_setting_changes_the_picture(tmp_path: Path):
    path = tmp_path / "x.mmd"
    assert main(["viz", ROUTE, "--set", "hop.choose=top(2)", "-o", str(path)]) == 0
    assert "top 2 of 6" in path.read_text()


def test_a_run_is_drawn_with_measured_shares(run: Path, tmp_path: Path):
    page, text, record = tmp_path / "x.html", tmp_path / "x.mmd", tmp_path / "x.npz"
    words = ["-o", str(page), "-o", str(text), "--record", str(record), "--batches", "2"]
    assert main(["viz", str(run), *words]) == 0
    shares = [float(s) for s in re.findall(r'==>\|"([\d.]+) %"', text.read_text())]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(100, abs=1)
    assert re.findall(r"<h2>(.*?)</h2>", page.read_text())[-1] == "Tokens by path"
    assert record.exists()


def test_a_run_has_no_net_to_choose(run: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["viz", f"{run}:small", "-o", "x.dot"]) == 2
    assert "is a run, which has one net" in capsys.readouterr().err


def test_a_record_counts_what_the_statistics_count(run: Path):
    """The record's loads and the loads that the forward pass reports are two ways to the same numbers."""
    import torch

    from dnac.data import load
    from dnac.ir.form import Form
    from dnac.report.record import collect
    from dnac.train.run import Run

    opened = Run.open(run)
    network = opened.network(lambda d: None)
    valid = opened.train["valid"]
    assert isinstance(valid, Form)
    dataset = load(valid, network.graph.input, opened.root)
    record = collect(network, dataset, batches=1, batch_size=8)
    with torch.no_grad():
        stats = network(next(iter(dataset.sequential(8))).inputs).stats
    for step, seen in zip(record.steps, stats, strict=True):
        counts = seen.counts[:-1].double()
        assert step.loads == pytest.approx((counts / seen.counts.sum()).numpy())

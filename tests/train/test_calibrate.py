"""Calibration: a wanted risk is kept with the wanted confidence, and no threshold is chosen that was not tested."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import dnac
from dnac import data
from dnac.cli.main import main
from dnac.data.base import IGNORED
from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.train import calibrate as its
from dnac.train.assess import Opened
from dnac.train.calibrate import at_threshold, calibrate, halts, p_value

SPEC = """dna 1
net early {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  head lm = unembed(tied = false, norm = layer, init = normal(0.5))
  repeat 3 {
    transformer(heads = 2, init = normal(0.3))
    halt by { score = confidence(lm); choose = threshold(0.5); when = eval; sees = copied }
  }
}
net whole {
  input text(context = 16, vocabulary = 11, tokenizer = none)
  embed tokens(16, positions = learned)
  transformer(heads = 2)
  head lm = unembed(tied = false)
}
train early {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(3); lr = 1e-2; seed = 1
}
train whole {
  data = lookups(train, depth = 2, values = 5, tables = 5, samples = 20)
  valid = lookups(valid, depth = 2, values = 5, tables = 5, samples = 20)
  batch = sequences(8); length = steps(3); lr = 1e-2; seed = 1
}
"""
WORDS = form("lookups", split="valid", depth=2, values=5, tables=5, samples=60, seed=0)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "t.dna"
    path.write_text(SPEC)
    return path


@pytest.fixture
def held(spec: Path) -> Opened:
    network: Network = dnac.load(spec, net="early").build(device="cpu", dtype="float64", lowering="portable", seed=3)
    dataset = data.load(WORDS, network.graph.input, spec.parent)
    return Opened(network.eval(), dataset, 16, None, None, torch.zeros(2, dtype=torch.int64))


def best(network: Network, held: Opened) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([network(b.inputs, samples=b.samples).logits.argmax(-1) for b in held.dataset.sequential(16)])


def test_the_risk_is_the_share_of_targets_that_the_whole_net_says_otherwise(held: Opened) -> None:
    found = calibrate(held, risk=0.9, confidence=0.9)
    targets = torch.cat([b.targets for b in held.dataset.sequential(16)])
    counted = targets != IGNORED
    late = best(at_threshold(held, 2.0).network, held)
    observed = {test["threshold"]: test["risk"] for test in found["tests"]}
    for threshold in (0.5, 0.3):
        early = best(at_threshold(held, threshold).network, held)
        wanted = (((early != late) & counted).sum(-1) / counted.sum(-1).double()).mean()
        assert observed[threshold] == pytest.approx(float(wanted)) and (threshold > 0.4 or wanted > 0)
    assert observed[1.0] == 0
    turned = calibrate(held, risk=0.9, confidence=0.9, of="accuracy")["tests"]
    assert all(a["risk"] <= b["risk"] for a, b in zip(turned, found["tests"], strict=False))
    assert found["whole"]["active_flops_per_token"] > found["calibrated"]["active_flops_per_token"]


def test_thresholds_are_tested_in_order_until_one_fails(held: Opened) -> None:
    found = calibrate(held, risk=0.2, confidence=0.9)
    *passed, last = found["tests"]
    assert [test["threshold"] for test in found["tests"]] == list(its.THRESHOLDS[: len(found["tests"])])
    assert all(test["p"] <= 0.1 + 1e-12 for test in passed) and last["p"] > 0.1
    assert found["threshold"] == passed[-1]["threshold"]
    assert calibrate(held, risk=1e-4, confidence=0.99)["threshold"] is None  # 60 samples cannot tell so little


def test_the_p_value_is_hoeffdings_and_keeps_its_level() -> None:
    assert p_value(0.0, 0.1, 50) == pytest.approx(0.9**50)
    assert p_value(0.1, 0.1, 50) == p_value(0.3, 0.1, 50) == 1
    assert p_value(0.05, 0.2, 100) == pytest.approx(
        math.exp(-100 * (0.05 * math.log(0.25) + 0.95 * math.log(0.95 / 0.8)))
    )
    generator = torch.Generator().manual_seed(1)
    draws = (torch.rand(4000, 60, generator=generator) < 0.2).double().mean(-1)
    wrong = sum(p_value(float(mean), 0.2, 60) <= 0.1 for mean in draws) / 4000
    assert 0.01 < wrong <= 0.1


def test_the_command_says_how_to_set_it(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["train", "--no-compile", f"{spec}:early", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["calibrate", str(out), "--risk", "0.9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 20 and found["threshold"] is not None
    assert main(["calibrate", str(out), "--risk", "0.9"]) == 0
    said = capsys.readouterr().out
    setting = said.partition("--set '")[2].partition("'")[0]
    assert main(["eval", str(out), "--set", setting, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["results"][0]
    assert measured["active_flops_per_token"] == found["calibrated"]["active_flops_per_token"]
    assert main(["calibrate", str(out), "--risk", "1.5"]) == 2
    assert main(["train", "--no-compile", f"{spec}:whole", "--out", str(tmp_path / "plain")]) == 0
    assert main(["calibrate", str(tmp_path / "plain")]) == 2
    assert "no halting step" in capsys.readouterr().err


def test_only_halting_steps_with_a_threshold_are_calibrated(spec: Path, held: Opened) -> None:
    assert len(halts(held.network.graph)) == 3
    assert not halts(dnac.load(spec, net="whole").build(device="cpu").graph)

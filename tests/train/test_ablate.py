"""Ablation: what is taken away adds exactly nothing, everything else is as it was, and all comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu

import dnac
from dnac import data
from dnac.cli.main import main
from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.train.ablate import ablate, measure_without
from dnac.train.ablation import Ablation, Anatomy, without
from dnac.train.assess import Opened

SPEC = """dna 1
net block_net {
  input text(context = 8, vocabulary = 12, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  attention(heads = 2, norm = none, bias = true, init = normal(0.3))
  ffn: mlp(gelu, 32, norm = none, bias = true, init = normal(0.3))
  head lm = unembed(tied = true)
}
net routed {
  input text(context = 8, vocabulary = 12, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  attention(heads = 2, init = normal(0.3))
  pool nodes { block[3] = transformer(heads = 2, init = normal(0.3)); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(2); weight = raw; balance = [] } }
  head lm = unembed(tied = false, norm = layer)
}
net leaving {
  input text(context = 8, vocabulary = 12, tokenizer = none)
  embed tokens(16, positions = learned, init = normal(0.5))
  repeat 2 as t {
    position(sinusoid, turn = t)
    pool bank { block[2] = mlp(gelu, 1x); out = exit() }
    hop: route bank by { choose = top(1); weight = raw; balance = [] }
  }
  head lm = unembed(tied = false, norm = layer)
}
train routed {
  data = add7(train); valid = add7(valid)
  batch = sequences(32); length = steps(3); lr = 1e-2; seed = 1
}
"""
WORDS = form("add7", split="valid", digits=3, valid=0.2)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of both nets."""
    path = tmp_path_factory.mktemp("ablate") / "nets.dna"
    path.write_text(SPEC)
    return path


def held(spec: Path, net: str, lowering: str = "portable") -> Opened:
    """A net that was not trained, with some bias in every part."""
    loaded = dnac.load(spec, net=net)
    network: Network = loaded.build(device="cpu", dtype="float64", lowering=lowering, seed=3)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.3)
    dataset = data.load(WORDS, network.graph.input, spec.parent)
    return Opened(network.eval(), dataset, 64, None, None, torch.tensor([0, 0]))


def loss_of(opened: Opened, streams: Tensor, targets: Tensor) -> float:
    """Mean loss of streams under a tied head without norm."""
    table = opened.network.state_dict()["embed.table"]
    return cross_entropy((streams @ table.T).flatten(0, 1), targets.flatten()).item()


def embedded(opened: Opened) -> tuple[Tensor, Tensor]:
    """All held-out samples as embedded, and their targets."""
    state = opened.network.state_dict()
    (batch,) = opened.dataset.sequential(10**6)
    return state["embed.table"][batch.inputs] + state["embed.positions"][: batch.inputs.shape[1]], batch.targets


def attended(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Attention of two heads without norm, as the formula says."""
    qkv = x @ weights["attention.attention.qkv"] + weights["attention.attention.qkv_bias"]
    q, k, v = (part.unflatten(-1, (2, 8)).transpose(1, 2) for part in qkv.split(16, -1))
    scores = q @ k.transpose(-1, -2) / 8**0.5
    later = torch.ones(8, 8, dtype=torch.bool).triu(1)
    seen = (scores.masked_fill(later, -torch.inf).softmax(-1) @ v).transpose(1, 2).flatten(-2)
    return seen @ weights["attention.attention.out"] + weights["attention.attention.out_bias"]


def fed(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """The mlp without norm, as the formula says."""
    up = gelu(x @ weights["ffn.mlp.up"] + weights["ffn.mlp.up_bias"], approximate="tanh")
    return up @ weights["ffn.mlp.down"] + weights["ffn.mlp.down_bias"]


@torch.no_grad()
@pytest.mark.parametrize("lowering", ["portable", "reference"])
def test_one_block_without_its_parts_is_the_formula_without_them(spec: Path, lowering: str) -> None:
    opened = held(spec, "block_net", lowering)
    weights = opened.network.state_dict()
    e, targets = embedded(opened)
    whole = e + attended(weights, e)
    wanted = {"attn": e + fed(weights, e), "ffn": whole, "attn+ffn": e}
    found = ablate(opened, (), ())
    assert found["intact"]["loss"] == pytest.approx(loss_of(opened, whole + fed(weights, whole), targets), rel=1e-10)
    assert [row["zeroed"] for row in found["ablations"]] == list(wanted)
    for row in found["ablations"]:
        loss = loss_of(opened, wanted[row["zeroed"]], targets)
        assert row["loss"] == pytest.approx(loss, rel=1e-10)
        assert row["loss_change"] == row["loss"] - found["intact"]["loss"] != 0


@pytest.mark.parametrize("net", ["block_net", "routed"])
def test_nothing_ablated_is_the_intact_net_and_every_weight_comes_back(spec: Path, net: str) -> None:
    opened = held(spec, net)
    before = {key: value.clone() for key, value in opened.network.state_dict().items()}
    intact = opened.measure()
    assert measure_without(opened, Ablation("")) == intact
    found = ablate(opened, ("attn",), ("part", "module", "step"))
    assert opened.measure() == intact == found["intact"]
    assert all(torch.equal(before[key], value) for key, value in opened.network.state_dict().items())
    with pytest.raises(ZeroDivisionError), without(opened.network, Anatomy(opened.network).find("attn")):
        raise ZeroDivisionError
    assert all(torch.equal(before[key], value) for key, value in opened.network.state_dict().items())


def test_modules_of_a_pool_are_taken_away_wherever_they_are_used(spec: Path) -> None:
    opened = held(spec, "routed")
    find = Anatomy(opened.network).find
    for module in range(3):
        ones = [torch.ones(4, dtype=torch.float64) for _ in range(2)]
        for gate in ones:
            gate[module] = 0
        by_gates = opened.measure(module_gates=ones)
        by_weights = measure_without(opened, find(f"nodes.block[{module}]"))
        assert by_weights["loss"] == pytest.approx(by_gates["loss"], rel=1e-12)
        assert by_weights["loss"] != opened.measure()["loss"]
    pool, both, parts = (
        measure_without(opened, find(t))["loss"] for t in ("nodes", "hop", "nodes.block.mlp+nodes.block.attention")
    )
    assert pool == pytest.approx(both, rel=1e-12) and pool == parts


def test_a_routing_step_is_taken_away_by_itself(spec: Path) -> None:
    opened = held(spec, "routed")
    rows = {row["zeroed"]: row for row in ablate(opened, (), ("step",))["ablations"]}
    assert list(rows) == ["hop[0]", "hop[1]"]
    gates = [torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)]
    assert rows["hop[1]"]["loss"] == opened.measure(module_gates=gates)["loss"] != rows["hop[0]"]["loss"]


def test_modules_come_with_how_often_they_are_chosen(spec: Path) -> None:
    opened = held(spec, "routed")
    found = ablate(opened, (), ("module",))
    rows = {row["zeroed"]: row for row in found["ablations"]}
    assert list(rows) == ["attention", *(f"nodes.block[{i}]" for i in range(3))]
    assert rows["attention"]["use"] is None
    skipped = 4 * found["intact"]["skip_share"]  # two choices at two steps
    assert sum(row["use"] for name, row in rows.items() if name != "attention") == pytest.approx(4 - skipped)
    row = rows["nodes.block[1]"]
    assert row["use"] > 0 and row["loss_change_per_use"] == row["loss_change"] / row["use"]


def test_words_kinds_and_names_find_the_same_parts(spec: Path) -> None:
    find = Anatomy(held(spec, "routed").network).find
    assert find("attn").parts == find("attention").parts == ("attention.attention", "nodes.block.attention")
    assert find("nodes.block[2].mlp").weights == (
        ("nodes.block.mlp.norm", 2), ("nodes.block.mlp.up", 2), ("nodes.block.mlp.down", 2),
    )  # fmt: skip
    assert find("hop").steps == (0, 1) and find("hop[1]").steps == (1,)
    with pytest.raises(Faults) as caught:
        find("nodes.blok")
    (only,) = caught.value.bag
    assert only.code == "DNA645" and only.help == "did you mean `nodes.block`?"


def test_a_step_with_a_fixed_choice_is_told_apart(spec: Path) -> None:
    loaded = dnac.load(spec, net="routed", settings=("hop.choose=fixed(1)", "hop.weight=one", "hop.grad=none"))
    anatomy = Anatomy(loaded.build(device="cpu", dtype="float64", seed=3))
    assert anatomy.steps() == []
    with pytest.raises(Faults) as caught:
        anatomy.find("hop")
    (only,) = caught.value.bag
    assert only.code == "DNA645" and "is fixed" in only.message and only.help.endswith("`nodes.block`")


def test_what_has_no_weights_is_left_out_of_each_and_of_a_pool(spec: Path) -> None:
    """Ways out and fixed positions add nothing that could be taken away."""
    anatomy = Anatomy(held(spec, "leaving").network)
    blocks = [f"bank[{turn}].block[{index}]" for turn in range(2) for index in range(2)]
    assert [found.name for _, found in anatomy.modules()] == blocks
    assert [found.name for found in anatomy.parts()] == ["bank[0].block.mlp", "bank[1].block.mlp"]
    assert anatomy.find("bank").parts == ("bank[0].block.mlp", "bank[1].block.mlp")
    with pytest.raises(Faults, match="no weights"):
        anatomy.find("bank[0].out")


def test_the_command_shows_the_intact_run_and_each_ablation(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(spec.parent / "run")
    assert main(["train", f"{spec}:routed", "--out", run, "--plain", "--no-compile", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main(["eval", run, "--device", "cpu", "--json"]) == 0
    lines = (spec.parent / "run" / "metrics.jsonl").read_text().splitlines()
    assert 0 <= json.loads(lines[-1])["valid_exact_match"] <= 1
    (evaluated,) = json.loads(capsys.readouterr().out)["results"]
    words = ["--zero", "attn", "ffn", "--each", "module", "--each", "step"]
    assert main(["ablate", run, *words, "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1 and found["step"] == 3 and found["split"] == "valid"
    assert found["intact"] == {k: v for k, v in evaluated.items() if k in found["intact"]}
    assert 0 <= found["intact"]["exact_match"] <= min(found["intact"]["accuracy_by_place"])
    assert [row["sort"] for row in found["ablations"]] == ["zero"] * 2 + ["module"] * 4 + ["step"] * 2
    assert main(["ablate", run, *words, "--device", "cpu"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[:2] == ["zeroed", "loss"] and shown[2].startswith("nothing") and len(shown) == 11
    assert main(["ablate", run, "--zero", "nods", "--device", "cpu"]) == 2
    assert "DNA645" in capsys.readouterr().err

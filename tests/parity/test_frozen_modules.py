"""`frozen = true` of a module: it computes as before, its weights stay as they begin, and the rest learns as it did."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import dnac
from dnac.cli.main import main
from dnac.ir.graph import Graph
from dnac.kinds.declared import declared
from dnac.report import words
from dnac.schedule.memory import weight_bytes
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import types_of
from dnac.train.run import Run
from lowered import FAST, error, gradients, inputs_for, network

SPEC = """dna 1
net n {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = learned)
  first: attention(heads = 2)
  pool p {
    b[2] = transformer(heads = 2); c = conv(3); l = linear_attention(heads = 2); m = mlp(gelu, 2x); s = identity()
  }
  repeat 2 { hop: route p by { choose = top(2); weight = raw; balance = [] } }
  head lm = unembed(tied = false, norm = layer)
}
train n {
  data = text("train.txt"); valid = text("valid.txt"); batch = sequences(4); length = steps(4); lr = 1e-2; idle = hold
}
"""
KINDS = {"p.b": "pool.b", "p.c": "c", "p.l": "l", "p.m": "m", "first": "first"}


def spec(folder: Path) -> Path:
    (folder / "train.txt").write_text("to be, or not to be, that is the question. " * 6)
    (folder / "valid.txt").write_text("whether 'tis nobler in the mind to suffer the slings. " * 4)
    (folder / "n.dna").write_text(SPEC)
    return folder / "n.dna"


def graph_of(folder: Path, *settings: str) -> Graph:
    return dnac.load(spec(folder), "n", settings).graph


def kept(graph: Graph) -> set[str]:
    return {each.key for each in declared(graph) if not each.trains}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("lowering", ["reference", FAST])
def test_values_and_the_gradients_of_all_else_are_those_of_a_net_that_is_not_frozen(
    tmp_path: Path, lowering: str, name: str
) -> None:
    plain, frozen = graph_of(tmp_path), graph_of(tmp_path, f"{name}.frozen=true")
    still = kept(frozen)
    assert still and not kept(plain)
    assert all(key.startswith(f"{name}.") for key in still)
    dtype = torch.float32 if lowering == "grouped" else torch.float64
    nets = network(plain, lowering, dtype), network(frozen, lowering, dtype)
    inputs = inputs_for(plain)
    outputs = [net(inputs, record=True) for net in nets]
    assert torch.equal(outputs[0].logits, outputs[1].logits)
    expected, found = (gradients(net, out) for net, out in zip(nets, outputs, strict=True))
    assert set(expected) - set(found) == still
    assert all(error(found[key], expected[key]) < (1e-12 if dtype == torch.float64 else 1e-5) for key in found)


@pytest.mark.parametrize("compiled", [False, True])
def test_frozen_weights_are_the_first_ones_behind_every_train_step(tmp_path: Path, compiled: bool) -> None:
    given = ["--set", "p.b.frozen=true", "--set", "first.frozen=true", "--set", "train.idle=decay"]
    compiling = [] if compiled else ["--no-compile"]
    out = tmp_path / "run"
    assert main(["train", f"{spec(tmp_path)}:n", "--out", str(out), "--device", "cpu", *given, *compiling]) == 0
    run = Run.open(out)
    first = run.spec.build(seed=run.resolved["seeds"]["init"]).state_dict()
    latest = run.network(lambda diagnostic: None).state_dict()
    still = kept(run.spec.graph)
    same = {key for key, value in latest.items() if torch.equal(value, first[key])}
    assert still and {key.partition(".")[0] for key in still} == {"first", "p"}
    assert still == {key for key in same if isinstance(first[key], Tensor)}


def test_a_plan_counts_no_gradient_and_no_moment_of_what_is_frozen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, frozen = graph_of(tmp_path), graph_of(tmp_path, "p.b.frozen=true")
    of_plain, of_frozen = (weight_bytes(graph, Sizes(graph), types_of(None)) for graph in (plain, frozen))
    count = sum(int(torch.tensor(each.shape).prod()) for each in declared(frozen) if not each.trains)
    assert of_plain["parameters"] == of_frozen["parameters"]
    assert of_plain["gradients"] - of_frozen["gradients"] == 4 * count
    assert of_plain["optimizer"] - of_frozen["optimizer"] == 8 * count
    assert main(["plan", f"{spec(tmp_path)}:n", "--set", "p.b.frozen=true"]) == 0
    assert f"{count:,} of them frozen" in capsys.readouterr().out
    assert main(["plan", f"{spec(tmp_path)}:n"]) == 0
    assert "frozen" not in capsys.readouterr().out


def test_a_picture_says_what_is_frozen(tmp_path: Path) -> None:
    for name in KINDS:
        said = [words.module(entry, 16) for entry in graph_of(tmp_path, f"{name}.frozen=true").modules if entry.parts]
        assert sum("frozen" in phrase for phrases in said for phrase in phrases) == (2 if name == "p.b" else 1)
    assert not [each for entry in graph_of(tmp_path).modules for each in words.module(entry, 16) if "frozen" in each]

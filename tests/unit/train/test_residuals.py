"""`distill(on = residuals)`: ratios by hand, who shall run, what the gates are blamed for, and faults."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import dnac
from checking import checked
from dnac.cli.main import main
from dnac.lowering.base import StepRecord
from dnac.train.residuals import Ratios, blame, worth_running
from dnac.train.run import Run

BLOCK = "transformer(heads = 2, norm = rms, mlp = gelu(24))"
FRONT = """
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = rope(100))
"""
SPEC = f"""dna 1
net dense {{{FRONT}
  repeat 3 {{ block: {BLOCK} }}
  head lm = unembed(norm = rms)
}}
net small {{{FRONT}
  repeat STEPS {{
    pool turn {{ block = {BLOCK}; leave = identity() }}
    hop: route turn by {{
      read = [h]; score = mlp(8); choose = top(1); weight = one; grad = none; balance = []; sees = everyone
      start = each_turn(block, margin = 1)
    }}
  }}
  head lm = unembed(norm = rms)
}}
"""
TRAIN = """
train small {
  data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid"); eval_every = steps(UPDATES)
  batch = sequences(8); length = steps(UPDATES); lr = 1e-3; router_lr = 40; eval_batches = 2; log_every = 1
  loss = LOSS
}
"""
TAUGHT = "task + distill(teacher = dense.initial, on = residuals, skip = 1 / 3)"


def spec(loss: str = TAUGHT, steps: int = 3, updates: int = 2) -> str:
    return (SPEC + TRAIN.replace("LOSS", loss).replace("UPDATES", str(updates))).replace("STEPS", str(steps))


def codes(text: str) -> list[str]:
    return [d.code for d in checked(text).bag]


@pytest.mark.parametrize("level", ["O0", "O1", "O2"])
def test_the_ratio_is_all_parts_of_a_module_against_the_stream_in_front_of_it(tmp_path: Path, level: str) -> None:
    file = tmp_path / "s.dna"
    file.write_text(spec())
    network = dnac.load(str(file), net="dense").build(seed=1, level=level).eval()
    told: list[tuple[Tensor, Tensor]] = []
    ratios, inputs = Ratios(), torch.arange(24).view(3, 8)
    with torch.no_grad():
        network(inputs, watch=lambda site, modules, part, x, d, rows: told.append((x, d)))
        network(inputs, watch=ratios)
    found = ratios.stacked()
    assert len(told) == 6
    by_hand = [(told[i][1] + told[i + 1][1]).norm(dim=-1) / told[i][0].norm(dim=-1) for i in (0, 2, 4)]
    assert found.shape == (3, 3, 8)
    assert torch.allclose(found, torch.stack(by_hand), rtol=1e-5)


def test_the_smallest_share_of_all_counted_pairs_shall_skip() -> None:
    ratios = torch.tensor([[[0.5, 0.1, 9.0]], [[0.2, 0.7, 0.0]]])
    counted = torch.tensor([[True, True, False]])
    assert worth_running(ratios, counted, 0.5)[..., :2].tolist() == [[[True, False]], [[False, True]]]
    assert worth_running(ratios, counted, 0.25)[..., :2].tolist() == [[[True, False]], [[True, True]]]
    assert worth_running(ratios, torch.zeros_like(counted), 0.5).all()


def test_gates_are_blamed_by_cross_entropy_over_counted_tokens_and_for_nothing_else() -> None:
    gates = torch.tensor([[[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]], requires_grad=True)
    none = torch.zeros(1, 3, 1)
    made = StepRecord(none.long(), gates, none, none.long())
    kept, counted = torch.tensor([[[True, False, True]]]), torch.tensor([[True, True, False]])
    loss = blame([made], [(1,)], kept, counted)
    assert float(loss.detach()) == pytest.approx(-math.log(0.8) - math.log(0.6))
    (slope,) = torch.autograd.grad(loss, gates)
    assert slope[0, :, 1].tolist() == pytest.approx([1 / 0.8, -1 / 0.6, 0.0])
    twice = blame([made, made], [(1,), (1,)], kept.expand(2, 1, 3), counted)
    assert float(twice.detach()) == pytest.approx(float(loss.detach()))


def test_a_router_that_is_taught_needs_no_other_loss() -> None:
    assert codes(spec()) == []
    assert codes(spec("task + distill(teacher = dense.initial)")) == ["DNA523"]
    assert codes(spec("task + distill(teacher = dense.initial, on = residuals)")) == ["DNA607"]
    assert codes(spec("task + distill(teacher = dense.initial, skip = 20%)")) == ["DNA523", "DNA607"]


def test_it_is_learnt_and_begins_as_the_teacher(tmp_path: Path) -> None:
    file = tmp_path / "s.dna"
    file.write_text(spec(updates=40))
    assert main(["train", f"{file}:small", "--out", str(tmp_path / "r"), "--plain", "--no-compile", "--device", "cpu",
                 "--set", "train.seed=3"]) == 0  # fmt: skip
    run = Run.open(tmp_path / "r")
    lines = [line for line in run.metrics() if "distill_loss" in line]
    assert lines[0]["skip_share"] == 0
    last = sum(line["distill_loss"] for line in lines[-5:]) / 5
    assert last < 0.9 * lines[0]["distill_loss"]


@pytest.mark.parametrize(("old", "new"), [
    ("repeat 3 {{ block", "repeat 4 {{ block"), ("leave = identity()", f"leave = {BLOCK}"),
])  # fmt: skip
def test_a_teacher_of_other_layers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    file = tmp_path / "s.dna"
    text = spec().replace(old.replace("{{", "{"), new.replace("{{", "{"))
    assert text != spec()
    file.write_text(text)
    assert main(["train", f"{file}:small", "--out", str(tmp_path / "r"), "--plain", "--no-compile", "--device", "cpu"])
    assert "DNA656" in capsys.readouterr().err

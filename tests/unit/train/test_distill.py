"""`loss = task + w * distill(teacher = ...)`: the sum as written, the distance by hand, and a run that comes near."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from checking import checked
from dnac.cli.main import main
from dnac.data.base import IGNORED
from dnac.train.distill import divergence
from dnac.train.run import Run

NETS = """dna 1
net large {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = none)
  mlp(gelu, 2x)
  head lm = unembed()
}
net small {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = none)
  mlp(gelu, 2x)
  head lm = unembed()
}
"""
TRAIN = """
train NET {
  data = stdlib_text(split = "train"); valid = stdlib_text(split = "valid")
  batch = sequences(8); length = steps(STEPS); lr = 1e-2; eval_batches = 2; log_every = 1
  loss = LOSS
}
"""


def spec(loss: str, steps: int = 3, net: str = "small") -> str:
    return NETS + TRAIN.replace("LOSS", loss).replace("STEPS", str(steps)).replace("NET", net)


def terms(loss: str) -> list[tuple[str, object, object]]:
    result = checked(spec(loss))
    assert not [d for d in result.bag if d.severity == "error"], [d.message for d in result.bag]
    (net,) = [n for n in result.nets if n.name == "small"]
    assert net.train is not None
    return [(term.name, term["weight"], term.get("teacher")) for term in net.train["loss"]]  # type: ignore[union-attr]


def test_a_sum_is_its_terms_with_their_weights() -> None:
    assert terms("task") == [("task", 1.0, None)]
    assert terms("task + 0.5 * distill(teacher = large.initial)") == [
        ("task", 1.0, None), ("distill", 0.5, "large.initial"),
    ]  # fmt: skip
    assert terms('0.25 * task + 2 * distill(teacher = "runs/x", tau = 2)') == [
        ("task", 0.25, None), ("distill", 2.0, "runs/x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "code"),
    [
        ("task - distill(teacher = large.initial)", "DNA321"), ("task * 2", "DNA321"), ("taks", "DNA308"),
        ("task + distill(teacher = larger.initial)", "DNA209"), ("task + distill(on = logits)", "DNA302"),
    ],
)  # fmt: skip
def test_what_is_no_sum_of_losses_is_said(loss: str, code: str) -> None:
    assert [d.code for d in checked(spec(loss)).bag if d.severity == "error"] == [code]


def test_the_distance_is_the_divergence_of_what_counts() -> None:
    teacher, student = torch.randn(2, 3, 5, dtype=torch.float64), torch.randn(2, 3, 5, dtype=torch.float64)
    targets = torch.tensor([[1, 2, IGNORED], [0, IGNORED, 4]])
    p, q = (torch.softmax(z / 2, -1) for z in (teacher, student))
    by_hand = 4 * sum((p[b, t] * (p[b, t] / q[b, t]).log()).sum() for b, t in ((0, 0), (0, 1), (1, 0), (1, 2)))
    assert float(divergence(teacher, student, targets, 2.0)) == pytest.approx(float(by_hand), rel=1e-12)
    assert float(divergence(teacher, teacher, targets)) == 0


def losses(folder: Path, loss: str, name: str, steps: int = 20) -> list[dict[str, float]]:
    (folder / f"{name}.dna").write_text(spec(loss, steps))
    out = folder / name
    assert main(["train", f"{folder / name}.dna:small", "--out", str(out), "--device", "cpu"]) == 0
    return [line for line in Run.open(out).metrics() if "loss" in line]


def test_a_run_that_only_distils_comes_near_its_teacher(tmp_path: Path) -> None:
    losses(tmp_path, "task", "teacher", 10)
    found = losses(tmp_path, '0 * task + distill(teacher = "teacher")', "near", 40)
    first, last = found[0]["distill_loss"], found[-1]["distill_loss"]
    assert first > 0 and last < 0.5 * first


def test_its_own_start_is_no_distance_away(tmp_path: Path) -> None:
    found = losses(tmp_path, "task + distill(teacher = small.initial)", "own", 8)
    assert abs(found[0]["distill_loss"]) < 1e-8 < 1e-6 < found[-1]["distill_loss"]


def test_a_run_can_teach(tmp_path: Path) -> None:
    assert "distill_loss" not in losses(tmp_path, "task", "teacher", 2)[0]
    assert losses(tmp_path, 'task + distill(teacher = "teacher")', "pupil", 2)[0]["distill_loss"] > 0
    (tmp_path / "far.dna").write_text(
        spec('distill(teacher = "teacher")', 2).replace("vocabulary = 256", "vocabulary = 300")
    )
    assert main(["train", f"{tmp_path / 'far.dna'}:small", "--out", str(tmp_path / "far")]) != 0  # DNA655

"""Scores by difficulty: every target in the row of its level, and depth correlated as a textbook does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dnac import data
from dnac.cli.commands.eval import _one
from dnac.data import Dataset
from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.active import ActiveFlops
from dnac.train.difficulty import correlation
from dnac.train.evaluate import evaluate
from graphs import tiny_text
from inputs import text_input

EARLY = """dna 1
net early {
  input text(context = 12, vocabulary = 10, tokenizer = none)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 3 {
    transformer(heads = 2)
    tap lm(loss = 0.25)
    halt by { score = confidence(lm, top_gap); choose = threshold(0.35); when = eval; sees = copied }
  }
}
"""


@pytest.fixture
def chains(tmp_path: Path) -> Dataset:
    """Some chains of up to three look-ups."""
    words = form("lookups", split="valid", depth=3, values=5, tables=4, copies=1, samples=10, seed=0)
    return data.load(words, text_input(context=12, tokenizer=form("none")), tmp_path)


@torch.no_grad()
def test_rows_and_correlations_are_those_of_the_tokens_one_by_one(chains: Dataset) -> None:
    network = Network(tiny_text(steps=3, blocks=3, skips=2, k=1), device="cpu", dtype=torch.float64, seed=3)
    (batch,) = chains.sequential(10)
    output = network.eval()(batch.inputs, record=True, samples=batch.samples)
    hard = chains.difficulty(batch.samples.numpy())  # type: ignore[attr-defined]
    ran = sum((step.ids[..., 0] < 3).long() for step in output.record)
    assert isinstance(ran, torch.Tensor) and len(ran.unique()) > 1
    found = evaluate(network, chains, batch_size=4)
    assert [row["difficulty"] for row in found["by_difficulty"]] == [0, 1, 2, 3]
    assert sum(row["targets"] for row in found["by_difficulty"]) == found["targets"]
    for row in found["by_difficulty"]:
        here = torch.from_numpy(hard == row["difficulty"])
        losses = torch.nn.functional.cross_entropy(output.logits[here], batch.targets[here])
        assert row["loss"] == pytest.approx(losses.item())
        assert row["executed"] == pytest.approx(ran[here].double().mean().item())
        assert row["accuracy"] == pytest.approx(
            (output.logits.argmax(-1) == batch.targets)[here].double().mean().item()
        )
    shown = _one(found)
    assert "difficulty 3" in shown and f"{found['depth_follows_steps']:+.3f}" in shown
    for name, lowest in (("depth_follows_difficulty", 0), ("depth_follows_steps", 1)):
        expected = np.corrcoef(hard[hard >= lowest], ran.numpy()[hard >= lowest])[0, 1]
        assert found[name] == pytest.approx(expected)


@torch.no_grad()
def test_a_net_from_which_tokens_leave_ran_the_turns_up_to_there(chains: Dataset) -> None:
    made = check(Source("t.dna", EARLY))
    assert not made.bag.has_errors, made.bag
    network = Network(made.nets[0].graph, device="cpu", dtype=torch.float64, seed=3)
    for p in network.parameters():
        p.mul_(12 if p.dim() > 1 else 1)
    (batch,) = chains.sequential(10)
    output = network.eval()(batch.inputs, record=True, samples=batch.samples)
    left = torch.stack([step.ids[..., 0] == 0 for step in output.record])
    ran = torch.where(left.any(0), left.long().argmax(0) + 1, 3)
    assert {1, 2, 3} == set(ran.unique().tolist())
    hard = torch.from_numpy(chains.difficulty(batch.samples.numpy()))  # type: ignore[attr-defined]
    for row in evaluate(network, chains, batch_size=4)["by_difficulty"]:
        assert row["executed"] == pytest.approx(ran[hard == row["difficulty"]].double().mean().item())


@torch.no_grad()
def test_work_is_that_of_all_tokens_of_a_chain_not_of_the_targets_alone(chains: Dataset) -> None:
    network = Network(tiny_text(steps=3, blocks=3, skips=2, k=1), device="cpu", dtype=torch.float64, seed=3)
    (batch,) = chains.sequential(10)
    record = network.eval()(batch.inputs, record=True, samples=batch.samples).record
    counts = [torch.bincount(step.ids.flatten(), minlength=6) for step in record]
    found = evaluate(network, chains, batch_size=4)
    assert found["active_flops_per_token"] == round(ActiveFlops(network.graph).per_token(counts))
    assert found["skip_share"] == pytest.approx(sum(int(c[3:5].sum()) for c in counts) / (3 * 120))


def test_what_never_varies_correlates_with_nothing() -> None:
    assert correlation(3, 6, 3, 14, 3, 6) is None
    assert correlation(3, 6, 6, 14, 14, 14) == pytest.approx(1.0)
    assert correlation(3, 6, 6, 14, 14, 10) == pytest.approx(-1.0)


def test_other_data_have_no_such_rows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the quick brown fox " * 9)
    text = data.load(form("text", path="a.txt"), text_input(context=12), tmp_path, tmp_path / "cache")
    network = Network(tiny_text(steps=1, blocks=2, skips=0, k=1), device="cpu", dtype=torch.float64, seed=3)
    found = evaluate(network, text, batch_size=4)
    assert (found["by_difficulty"], found["depth_follows_steps"]) == ([], None)

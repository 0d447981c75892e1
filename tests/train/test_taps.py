"""Losses behind the layers of a net, whose weights may follow a schedule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnac.cli.main import main
from dnac.ir.form import Form
from dnac.ir.printer import print_graph
from dnac.ir.reader import read_graph
from dnac.semantics.check import check
from dnac.text.source import Source
from dnac.train.losses import tap_weights

SPEC = """dna 1
net tiny {
  input text(context = 8, vocabulary = 256, tokenizer = bytes)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = false, norm = layer)
  repeat 2 {
    transformer(heads = 2)
    TAP
  }
}
train tiny {
  data = text("train.txt"); valid = text("valid.txt"); batch = sequences(4); length = steps(6); lr = 1e-2
  eval_every = steps(6); log_every = 1; seed = 1
}
"""
RISES = "tap lm(loss = schedule(0, step(0.5, 50%)))"


def losses(folder: Path, tap: str, loop: str = "repeat 2") -> list[float]:
    """The loss of each train step."""
    folder.mkdir()
    (folder / "train.txt").write_text("to be, or not to be, that is the question. " * 6)
    (folder / "valid.txt").write_text("whether 'tis nobler in the mind to suffer the slings. " * 4)
    (folder / "t.dna").write_text(SPEC.replace("TAP", tap).replace("repeat 2", loop))
    assert main(["train", "--no-compile", str(folder / "t.dna"), "--out", str(folder / "run")]) == 0
    return [json.loads(line)["loss"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]


def test_a_scheduled_tap_counts_what_its_schedule_says_at_each_step(tmp_path: Path) -> None:
    """Nothing before its step: the run is that of a net without taps; from then on it is in the loss."""
    without, rises, always = (losses(tmp_path / str(n), t) for n, t in enumerate(("", RISES, "tap lm(loss = 0.5)")))
    assert rises[:2] == without[:2]
    assert always[0] == pytest.approx(2 * without[0], rel=0.05)  # two taps of a half, at about the same loss
    assert rises[-1] > 1.5 * without[-1]


def test_taps_that_take_turns_count_their_own_weight_at_their_own_step(tmp_path: Path) -> None:
    """The first counts nearly nothing at even steps, the second ten times the task at odd ones."""
    without = losses(tmp_path / "without", "")
    found = losses(tmp_path / "turns", "tap lm(loss = 0.001 + 10 * i, every = 2)", "repeat 2 as i")
    assert found[0] == pytest.approx(11 * without[0], rel=0.1)
    assert all(odd > 5 * even for odd, even in zip(found[::2], found[1::2], strict=True))


def test_a_schedule_of_a_tap_is_part_of_the_graph_and_of_its_text() -> None:
    checked = check(Source("t.dna", SPEC.replace("TAP", RISES)))
    assert not checked.bag.has_errors
    graph = checked.nets[0].graph
    (first,), (second,) = tap_weights(graph)
    assert isinstance(first, Form) and first == second
    assert first["pieces"][0]["target"] == 0.5  # type: ignore[index]
    assert read_graph(print_graph(graph)) == graph


def codes(tap: str) -> list[str]:
    return [each.code for each in check(Source("t.dna", SPEC.replace("TAP", tap))).bag.items]


def test_schedules_that_cannot_be_are_refused() -> None:
    assert codes("tap lm(loss = schedule(0, linear(-1, 50%)))") == ["DNA305"]
    assert codes("tap lm(loss = schedule(0, step(1, steps(2)), linear(0, steps(9))))") == ["DNA602"]
    assert codes("tap lm(loss = linear(1, 50%))") == ["DNA314"]

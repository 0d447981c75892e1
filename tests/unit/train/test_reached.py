"""A weight that no gradient reaches is named, once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dnac.cli.main import main
from dnac.lowering.network import Network
from dnac.train.reached import WHEN, unreached
from graphs import tiny_text
from training import write_spec

COUNTS = [torch.tensor([5, 4, 3, 0, 0, 0, 0])] * 4


def after_a_step(zero: str = "") -> Network:
    network = Network(tiny_text(), seed=1)
    if zero:
        with torch.no_grad():
            network.get_parameter(zero).zero_()
    network(torch.randint(256, (4, 12), generator=torch.Generator().manual_seed(0))).logits[..., 0].sum().backward()
    return network


def chosen(network: Network, *slots: int) -> list[torch.Tensor]:
    """One choice of each of these candidates at every step."""
    sizes = [router.size for router in network.graph.routers]
    return [torch.tensor([int(slot in slots) for slot in range(size + 1)]) for size in sizes]


def test_a_sound_net_has_none() -> None:
    network = after_a_step()
    assert unreached(network, chosen(network, *range(9))) == []


def test_all_that_stands_in_front_of_a_zero_is_named() -> None:
    network = after_a_step("lm.weight")
    names = unreached(network, chosen(network, *range(9)))
    assert "embed.table" in names and "lm.weight" not in names
    assert any(name.startswith("nodes.") for name in names)


def test_modules_that_no_token_reached_are_left_out() -> None:
    network = after_a_step("lm.weight")
    assert not [name for name in unreached(network, chosen(network)) if name.startswith("nodes.")]


@pytest.mark.parametrize("head", ["init = zeros", "init = normal(0.02)"])
def test_a_run_warns_once_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str], head: str) -> None:
    spec = write_spec(tmp_path, lr="0", length="steps(4)")
    spec.write_text(spec.read_text().replace("tied = false", f"tied = false, {head}"))
    assert main(["train", str(spec), "--out", str(tmp_path / "run"), "--plain", "--no-compile"]) == 0
    said = capsys.readouterr().err
    assert said.count("DNA726") == int("zeros" in head)
    assert (f"train step {WHEN}: no gradient reaches `" in said) == ("zeros" in head)

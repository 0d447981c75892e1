"""Evaluation: the numbers are those of the definition, and do not depend on how data are batched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dnac import data
from dnac.data import Dataset
from dnac.ir.form import form
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults
from dnac.train.evaluate import evaluate
from graphs import tiny_text
from inputs import text_input


@pytest.fixture
def network() -> Network:
    """A small routed net with skips, not trained."""
    return Network(tiny_text(steps=2, blocks=3, skips=1, k=2), device="cpu", dtype=torch.float64, seed=3)


@pytest.fixture
def text(tmp_path: Path) -> Iterator[Dataset]:
    """Some 200 bytes: the last window is not full."""
    (tmp_path / "a.txt").write_text("the quick brown fox jumps over the lazy dog. " * 5)
    yield data.load(form("text", path="a.txt"), text_input(context=12), tmp_path, tmp_path / "cache")


def by_hand(network: Network, text: Dataset) -> tuple[float, float, list[torch.Tensor]]:
    """Loss, accuracy and choices of the whole text, one window at a time."""
    ids = torch.from_numpy(text.store.tokens.astype("int64"))  # type: ignore[attr-defined]
    losses, hits, chosen = [], [], [[], []]
    for start in range(0, len(ids) - 1, 12):
        window = ids[start : start + 13]
        padded = torch.nn.functional.pad(window[:-1], (0, 13 - len(window)))
        output = network.eval()(padded[None], record=True)
        logits = output.logits[0, : len(window) - 1]
        losses.append(-logits.log_softmax(-1).gather(-1, window[1:, None]))
        hits.append(logits.argmax(-1) == window[1:])
        for step in range(2):
            chosen[step].append(output.record[step].ids[0, : len(window) - 1])
    return torch.cat(losses).mean().item(), torch.cat(hits).double().mean().item(), [torch.cat(c) for c in chosen]


@torch.no_grad()
def test_scores_are_those_of_every_target_once(network: Network, text: Dataset) -> None:
    loss, accuracy, chosen = by_hand(network, text)
    found = evaluate(network, text, batch_size=4)
    assert found["loss"] == pytest.approx(loss, rel=1e-12)
    assert found["accuracy"] == pytest.approx(accuracy)
    assert found["targets"] == len(text.store.tokens) - 1  # type: ignore[attr-defined]
    assert found["bits_per_byte"] == pytest.approx(loss / math.log(2)) and found["perplexity"] == pytest.approx(
        math.exp(loss)
    )
    for step, ids in enumerate(chosen):
        assert found["routers"][f"hop[{step}]"]["skip_share"] == pytest.approx((ids == 3).double().mean().item())
        assert found["routers"][f"hop[{step}]"]["load"] == pytest.approx(
            [(ids == m).double().mean().item() for m in range(4)]
        )
    assert found["skip_share"] == pytest.approx((torch.stack(chosen) == 3).double().mean().item())


@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_batch_size_does_not_matter(network: Network, text: Dataset, size: int) -> None:
    first, second = (evaluate(network, text, batch_size=b) for b in (3, size))
    assert first.pop("loss") == pytest.approx(second.pop("loss"), rel=1e-12)
    drop = ("bits_per_byte", "perplexity")
    assert {k: v for k, v in first.items() if k not in drop} == {k: v for k, v in second.items() if k not in drop}


def test_evaluation_changes_nothing_and_repeats_exactly(network: Network, text: Dataset) -> None:
    network.train()
    modes: list[bool] = []
    network.register_forward_pre_hook(lambda module, given: modes.append(module.training))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert evaluate(network, text, batch_size=4) == evaluate(network, text, batch_size=4)
    assert not any(modes), "nothing is dropped, no noise is drawn"
    assert network.training and all(p.grad is None for p in network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_a_part_is_the_first_batches(network: Network, text: Dataset) -> None:
    assert evaluate(network, text, 4, batches=2)["targets"] == 2 * 4 * 12


def test_forbidding_a_candidate_shows_in_choices_and_cost(network: Network, text: Dataset) -> None:
    free = evaluate(network, text, 4)
    only = torch.tensor([0.0, 0.0, -math.inf, -math.inf])
    busy = evaluate(network, text, 4, route_masks=(only, only))  # type: ignore[arg-type]
    assert busy["skip_share"] == 0 and free["skip_share"] > 0
    assert busy["active_flops_per_token"] > free["active_flops_per_token"]


def test_windows_of_documents_count_targets_alike(network: Network, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(f'{{"text": "{"ab" * n}"}}' for n in (3, 20, 1)))
    words = form("text", path="a.jsonl", packing="documents")
    found = evaluate(network, data.load(words, text_input(context=12), tmp_path, tmp_path / "cache"), 2)
    assert found["targets"] == 5 + 39 + 1
    assert sum(found["routers"]["hop[0]"]["load"]) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.compiles
def test_a_compiled_network_compiles_once_for_evaluation(text: Dataset) -> None:
    from torch._dynamo.utils import counters

    graph = tiny_text(steps=1, blocks=2, skips=1, k=1)
    plain, compiled = (Network(graph, dtype=torch.float64, seed=3, compile=c) for c in (False, True))
    before = counters["stats"]["unique_graphs"]
    found = evaluate(compiled, text, batch_size=4)
    assert counters["stats"]["unique_graphs"] - before == 1, "the last batch is smaller, padded, and recorded"
    assert found["loss"] == pytest.approx(evaluate(plain, text, batch_size=4)["loss"], rel=1e-9)


def test_a_net_that_decodes_otherwise_is_measured_as_it_generates(text: Dataset) -> None:
    choose = form("top_tokens", share=0.25, member=None, per="sequence", takers=(0, 1), rest=3)
    decode = form("predictor", score=form("linear", init=form("normal", std=0.02)), loss=0.01)
    graph = tiny_text(steps=2, blocks=3, choose=choose, decode=decode)
    net = Network(graph, dtype=torch.float64)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(8)
    found = evaluate(net, text, 4)
    plain, generated = (evaluate(net, text, 4, decode=decode) for decode in (False, True))
    assert plain["as_trained_loss"] is generated["as_trained_loss"] is None
    assert found["loss"] == generated["loss"] != plain["loss"] == found["as_trained_loss"]
    assert found["routers"] == generated["routers"] != plain["routers"]


def test_data_of_which_no_target_counts_are_a_fault_of_the_data(tmp_path: Path) -> None:
    """A window of two ends before the first answer."""
    words = form("lookups", split="valid", depth=1, values=2, tables=2, copies=2, samples=8, seed=0)
    network = Network(tiny_text(steps=1, blocks=2), device="cpu", dtype=torch.float64, seed=3)
    dataset = data.load(words, text_input(context=2), tmp_path, tmp_path / "cache")
    with pytest.raises(Faults, match="DNA622: no target of"):
        evaluate(network, dataset, batch_size=4)

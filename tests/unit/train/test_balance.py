"""Biases move by the hand-computed amount, once, from the counts of the whole train step."""

from __future__ import annotations

import pytest
import torch

from dnac.ir.form import Form, form
from dnac.ir.graph import Graph
from dnac.lowering.base import StepStats
from dnac.lowering.bind import Names, bind
from dnac.train.balance import Counts, update
from graphs import tiny_text


def net(graph: Graph) -> Names:
    root = Names()
    bind(root, graph, device=torch.device("cpu"), dtype=torch.float32, seed=0)
    return root


def stats(*counts: int) -> StepStats:
    zero = torch.zeros(())
    return StepStats(torch.tensor(counts), zero, zero, zero, torch.tensor(True))


def counted(*steps: tuple[int, ...]) -> Counts:
    counts = Counts()
    counts.add([stats(*s) for s in steps])
    return counts


def constant(number: float | Form) -> float:
    assert isinstance(number, float)
    return number


def biases(graph: Graph, counts: Counts) -> list[list[float]]:
    network = net(graph)
    update(network, graph, counts.steps, constant)
    named = dict(network.named_buffers())
    return [[round(b, 9) for b in named[f"hop.{i}.bias"].tolist()] for i in range(len(counts.steps))]


def target(per: str, share: float = 0.25, rate: float = 0.5) -> tuple[Form, ...]:
    return (form("skip_target", member="skip", share=share, per=per, rate=rate),)


def test_a_skip_target_raises_the_bias_of_identities_that_are_chosen_too_seldom() -> None:
    graph = tiny_text(steps=3, blocks=2, skips=2, balance=target("step"))
    found = biases(graph, counted((7, 7, 1, 1, 0), (4, 4, 4, 4, 0), (6, 6, 3, 1, 0)))
    assert found == [[0, 0, 0.5, 0.5], [0, 0, -0.5, -0.5], [0, 0, 0, 0]], "2, 8 and 4 of 16, target 4"


def test_empty_slots_count_among_all_choices() -> None:
    graph = tiny_text(steps=1, blocks=2, skips=1, balance=target("step"))
    assert biases(graph, counted((4, 4, 3, 5))) == [[0, 0, 0.5]], "3 of 16, and not of 11"


def test_per_network_moves_all_routers_by_their_mean() -> None:
    graph = tiny_text(steps=2, blocks=2, skips=1, balance=target("network"))
    assert biases(graph, counted((16, 0, 0, 0), (6, 0, 10, 0))) == [[0, 0, -0.5], [0, 0, -0.5]], "10 of 32"


def test_per_identity_moves_each_by_its_own_count() -> None:
    graph = tiny_text(steps=1, blocks=2, skips=2, balance=target("identity"))
    assert biases(graph, counted((6, 6, 4, 0, 0))) == [[0, 0, -0.5, 0.5]], "target 2 each"


def test_load_bias_moves_towards_the_mean_and_leaves_identities_alone() -> None:
    graph = tiny_text(steps=1, blocks=3, skips=1, balance=(form("load_bias", rate=0.25),))
    assert biases(graph, counted((2, 4, 6, 4, 0))) == [[0.25, 0, -0.25, 0]]


def test_a_shared_router_has_one_bias_and_pools_its_turns() -> None:
    whole = tiny_text(steps=2, blocks=2, skips=1, balance=target("step"))
    from dataclasses import replace

    nodes = tuple(replace(n, router="hop[0]") if hasattr(n, "router") else n for n in whole.nodes)
    graph = replace(whole, nodes=nodes, routers=whole.routers[:1])
    network = net(graph)
    update(network, graph, counted((8, 8, 0, 0), (4, 4, 8, 0)).steps, constant)
    assert dict(network.named_buffers())["hop.0.bias"].tolist() == [0, 0, 0], "8 of 32 together"


def test_counts_of_micro_batches_add_up_and_move_the_bias_once() -> None:
    graph = tiny_text(steps=1, blocks=2, skips=1, balance=target("step"))
    counts = Counts()
    for part in ((8, 0, 0, 0), (0, 3, 5, 0)):
        counts.add([stats(*part)])
    assert biases(graph, counts) == [[0, 0, -0.5]], "5 of 16"


def test_the_rate_may_be_a_schedule() -> None:
    rate = form("schedule", start=1.0, pieces=(form("hold", target=1.0, until=0.5),))
    term = form("skip_target", member="skip", share=0.25, per="step", rate=rate)
    graph = tiny_text(steps=1, blocks=2, skips=1, balance=(term,))
    network = net(graph)
    update(network, graph, counted((8, 8, 0, 0)).steps, lambda number: 0.125 if isinstance(number, Form) else number)
    assert dict(network.named_buffers())["hop.0.bias"].tolist() == [0, 0, 0.125]


def test_ten_updates_of_a_thousandth_are_a_hundredth() -> None:
    graph = tiny_text(steps=1, blocks=2, skips=1, balance=target("step", rate=1e-3))
    network = net(graph)
    for _ in range(10):
        update(network, graph, counted((8, 8, 0, 0)).steps, constant)
    assert dict(network.named_buffers())["hop.0.bias"].tolist() == pytest.approx([0, 0, 0.01])

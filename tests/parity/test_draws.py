"""Random numbers: alike in every lowering, on every device, and fresh where they should be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphs
from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from dnac.lowering import draws
from lowered import SKIP, error, ids, inputs_for, network, routed

LOWERINGS = ["reference", "portable"]


def random_net(**more: object) -> Graph:
    return routed([("m", 5, (Part("mlp", graphs.mlp()),)), SKIP], steps=2, score=form("random"), **more)


def choices(seed: int, step: int, *, training: bool = True, samples: tuple[int, ...] = (0, 1)) -> Tensor:
    net = network(random_net()).train(training)
    seeds = torch.tensor([seed, step])
    return torch.stack(ids(net(inputs_for(net.graph), record=True, seeds=seeds, samples=torch.tensor(samples))))


def test_equal_counters_give_equal_choices() -> None:
    assert torch.equal(choices(1, 2), choices(1, 2))


@pytest.mark.parametrize("other", [(2, 2), (1, 3)])
def test_another_seed_or_train_step_gives_other_choices(other: tuple[int, int]) -> None:
    assert not torch.equal(choices(1, 2), choices(*other))


def test_a_sample_draws_alike_wherever_it_stands_in_the_batch() -> None:
    here, there = choices(1, 2, samples=(7, 9)), choices(1, 2, samples=(9, 7))
    assert torch.equal(here, there.flip(1))
    assert not torch.equal(here[:, 0], here[:, 1])


def test_routing_steps_draw_apart_even_under_one_router() -> None:
    net = network(random_net(shared_router=True))
    first, second = ids(net(inputs_for(net.graph), record=True))
    assert not torch.equal(first, second)


def test_at_evaluation_the_train_step_is_zero() -> None:
    assert torch.equal(choices(1, 5, training=False), choices(1, 9, training=False))
    assert torch.equal(choices(1, 5, training=False), choices(1, 0))


def test_random_scores_choose_all_candidates_alike_often() -> None:
    u = draws.uniform(3, 0, draws.name_word("hop"), torch.arange(6000)[:, None], torch.arange(6))
    counts = torch.bincount(u.argmax(-1), minlength=6)
    assert float(((counts - 1000) ** 2 / 1000).sum()) < 20.5  # chi square, 5 degrees, p = 0.001


def dropping(rate: float, **more: object) -> Graph:
    parts = (Part("a", graphs.attention(dropout=rate)), Part("m", graphs.mlp(dropout=rate)))
    return routed([("x", 3, parts), SKIP], choose=form("top", k=2), **more)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_dropout_acts_while_training_only(lowering: str) -> None:
    net, calm = network(dropping(0.5), lowering), network(dropping(0.0), lowering)
    inputs = inputs_for(net.graph)
    expected = calm(inputs)
    seeds = torch.tensor([1, 1])
    assert error(net(inputs, seeds=seeds).logits, expected.logits) > 1e-3
    assert torch.equal(net.eval()(inputs, seeds=seeds).logits, expected.logits)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_dropout_keeps_the_mean_and_drops_its_share(lowering: str) -> None:
    """Embedding dropout alone, seen through an identity head."""
    graph = routed([SKIP], steps=0)
    from dataclasses import replace

    shared = tuple(
        replace(s, kind=s.kind.replace(dropout=0.25) if s.role == "embed" else s.kind.replace(norm=form("none")))
        for s in graph.shared
    )
    net = network(replace(graph, shared=shared), lowering)
    with torch.no_grad():
        net.get_parameter("embed.table").fill_(1.0)
        net.get_parameter("embed.positions").zero_()
        net.get_parameter("lm.weight").copy_(torch.eye(16, 32, dtype=torch.float64))
    seen = net(inputs_for(net.graph, batch=200), seeds=torch.tensor([1, 1])).logits[..., :16]
    assert abs(float((seen == 0).double().mean()) - 0.25) < 0.01
    assert error(seen[seen != 0], torch.full_like(seen[seen != 0], 1 / 0.75)) < 1e-12


def test_modules_drop_apart() -> None:
    """Two modules with equal weights that both see all tokens differ by their draws alone."""
    part = (Part("m", graphs.mlp(dropout=0.5)),)
    net = network(routed([("m", 2, part)], steps=1, weight=form("one"), grad=form("none")))
    with torch.no_grad():
        for name in ("pool.m.m.norm", "pool.m.m.up", "pool.m.m.down"):
            net.get_parameter(name)[1] = net.get_parameter(name)[0]
    inputs = inputs_for(net.graph)
    one, two = (net(inputs, routes=(torch.full((2, 8, 1), m),), seeds=torch.tensor([1, 1])).logits for m in (0, 1))
    assert error(one, two) > 1e-3


# --- the generator itself ---------------------------------------------------------------------


def test_the_bits_never_change() -> None:
    """A resumed run needs the numbers of the version that began it."""
    u = draws.uniform(1, 2, draws.name_word("hop[0]"), torch.tensor([0, 1, 2**40]))
    assert [f"{x:.15f}" for x in u.tolist()] == EXPECTED


EXPECTED = ["0.752360976535999", "0.754304216326480", "0.454934132146855"]


def test_numbers_are_uniform_and_neighbours_independent() -> None:
    u = draws.uniform(3, 0, torch.arange(400)[:, None], torch.arange(400))
    assert abs(float(u.mean()) - 0.5) < 0.003 and abs(float(u.var()) - 1 / 12) < 0.001
    for along in (0, 1):
        near = torch.corrcoef(torch.stack((u.narrow(along, 0, 399).flatten(), u.narrow(along, 1, 399).flatten())))
        assert abs(float(near[0, 1])) < 0.01
    counts = torch.histc(u, 100, 0, 1)
    assert float(((counts - 1600) ** 2 / 1600).sum()) < 149  # chi square, 99 degrees, p = 0.001


def test_numbers_are_strictly_inside_the_unit_interval() -> None:
    u = draws.uniform(torch.arange(100_000))
    assert float(u.min()) > 0 and float(u.max()) < 1
    assert len(u.unique()) == len(u)


def test_all_64_bits_of_a_word_count() -> None:
    bits = torch.tensor([1 << b for b in range(63)])
    assert (draws.uniform(bits) != draws.uniform(torch.tensor(0))).all()


def test_the_order_of_words_counts() -> None:
    assert float(draws.uniform(torch.tensor(1), 2)) != float(draws.uniform(torch.tensor(2), 1))


def test_keep_drops_its_share() -> None:
    kept = draws.keep(0.3, torch.arange(50_000))
    assert abs(float(kept.double().mean()) - 0.7) < 0.01


def test_names_have_words_of_their_own() -> None:
    names = [f"hop[{i}]" for i in range(100)] + [f"nodes.block[{i}]" for i in range(100)]
    words = {draws.name_word(name) for name in names}
    assert len(words) == 200 and all(0 <= w < 2**63 for w in words)

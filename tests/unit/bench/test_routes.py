"""Forced choices have the loads that they claim."""

from __future__ import annotations

import pytest
import torch

import benching
from benching import DNA
from dnac.bench.routes import draw, may_skip, steps_of

B, T = 64, 128
WIDE = DNA.replace("block[3]", "block[8]")


def drawn(kind: str, skip: float = 0.0, k: int = 1, seed: int = 0) -> tuple[torch.Tensor, ...]:
    steps = steps_of(benching.task(WIDE, f"k={k}").graph)
    return draw(steps, kind, skip, B, T, torch.Generator().manual_seed(seed))


def shares(ids: torch.Tensor) -> torch.Tensor:
    return torch.bincount(ids.flatten(), minlength=10) / ids.numel()


@pytest.mark.parametrize("k", [1, 2])
def test_uniform_loads_are_alike_and_no_identity_is_chosen(k: int):
    for ids in drawn("uniform", k=k):
        assert ids.shape == (B, T, k)
        torch.testing.assert_close(shares(ids)[:8], torch.full((8,), 1 / 8), rtol=0.1, atol=0)
        assert shares(ids)[8:].sum() == 0


def test_zipf_loads_fall_as_one_over_rank_and_every_step_prefers_another_module():
    harmonic = sum(1 / r for r in range(1, 9))
    wanted = torch.tensor([1 / r / harmonic for r in range(1, 9)])
    tops = []
    for ids in drawn("zipf"):
        found = shares(ids)[:8]
        torch.testing.assert_close(found.sort(descending=True).values, wanted, rtol=0.12, atol=0)
        tops.append(int(found.argmax()))
    assert len(set(tops)) == 3


def test_one_sends_every_token_to_the_same_modules():
    assert [int(ids.unique()) for ids in drawn("one")] == [0, 0, 0]
    assert [ids.unique().tolist() for ids in drawn("one", k=2)] == [[0, 1]] * 3


@pytest.mark.parametrize("kind", ["uniform", "zipf", "one"])
@pytest.mark.parametrize("skip", [0.0, 0.25, 0.6])
def test_choices_of_a_token_differ_and_identities_have_their_share(kind: str, skip: float):
    for ids in drawn(kind, skip, k=2):
        assert (ids[..., 0] != ids[..., 1]).all()
        assert shares(ids)[8:].sum() == pytest.approx(skip, abs=0.02)


def test_one_identity_takes_the_whole_share_of_two_choices():
    steps = steps_of(benching.task(WIDE.replace("skip[2]", "skip"), "k=2").graph)
    for ids in draw(steps, "uniform", 0.3, B, T, torch.Generator().manual_seed(0)):
        assert shares(ids)[8] == pytest.approx(0.3, abs=0.02)
        assert (ids[..., 0] != ids[..., 1]).all()


def test_identities_are_scattered_within_each_sequence():
    (ids, *_) = drawn("uniform", 0.5)
    skipped = ids[..., 0] >= 8
    changes = (skipped[:, 1:] != skipped[:, :-1]).float().mean(1)
    assert ((changes > 0.3) & (changes < 0.7)).all()


def test_each_draw_is_another_one_and_a_seed_repeats_them():
    steps = steps_of(benching.task(WIDE, "k=1").graph)
    generator = torch.Generator().manual_seed(4)
    first, second = (draw(steps, "uniform", 0.0, B, T, generator) for _ in range(2))
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0], first[1])
    assert all(torch.equal(a, b) for a, b in zip(first, drawn("uniform", seed=4), strict=True))


def test_too_few_identities_are_noticed():
    steps = steps_of(benching.task(WIDE.replace("skip[2]", "skip"), "k=2").graph)
    assert may_skip(steps, 0.5)
    assert not may_skip(steps, 0.6)
    with pytest.raises(ValueError, match="too few for 60%"):
        draw(steps, "uniform", 0.6, B, T, torch.Generator())


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no routes called nonsense"):
        drawn("nonsense")


def test_a_network_takes_them_in_this_order():
    from dnac.lowering.network import Network

    task = benching.task(DNA)
    network = Network(task.graph)
    assert network.steps == tuple(step.site for step in steps_of(task.graph))
    routes = draw(steps_of(task.graph), "uniform", 0.25, 3, 12, torch.Generator().manual_seed(0))
    record = network(benching.inputs_of(task)[0], routes=routes, record=True).record
    assert all(torch.equal(step.ids, ids) for step, ids in zip(record, routes, strict=True))


def test_modules_that_choose_take_their_share_under_every_load():
    text = WIDE.replace("choose = top(k)", "choose = top_tokens(25%)").replace("param k = 2\n", "")
    assert "top_tokens" in text
    (step, *_) = steps_of(benching.task(text.replace("  head ", "  assert not_causal(hop)\n  head ", 1)).graph)
    assert may_skip((step,), 0.5)
    for kind in ("uniform", "zipf", "one"):
        (ids,) = draw((step,), kind, 0.0, B, T, torch.Generator().manual_seed(0))
        assert [(ids == module).any(-1).sum(1).unique().tolist() for module in range(8)] == [[T // 4]] * 8

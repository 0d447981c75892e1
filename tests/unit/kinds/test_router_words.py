"""Scores, gates, choices, weights, combination, gradients and noise of a router."""

from __future__ import annotations

import itertools

import pytest
import torch

import kind_ops
from dnac import catalogue

INF, NAN = float("inf"), float("nan")


def choose(name: str, selection: torch.Tensor, **args) -> torch.Tensor:
    kind = catalogue.get("choose", name)
    return kind.choose(kind.Params(**args), selection)


def gate(name: str, scores: torch.Tensor) -> torch.Tensor:
    kind = catalogue.get("gate", name)
    return kind.gate(kind.Params(), scores)


def score(name: str, view: torch.Tensor, size: int, weights=None, ids=None, seed: int = 0, **args) -> torch.Tensor:
    kind = catalogue.get("score", name)
    params = kind.Params(**args)
    ids = torch.arange(view.shape[1]).expand(view.shape[:2]) if ids is None else ids
    own = kind_ops.draw(kind.weights(params, view.shape[-1], size), torch.float32) if weights is None else weights
    return kind.scores(params, own, view, kind_ops.PlainRouterOps(ids, size, seed=seed))


# --- choose ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_top_agrees_with_a_stable_sort_even_where_gates_tie(dtype):
    few_values = torch.randint(0, 4, (2, 300, 7), generator=torch.Generator().manual_seed(0)).to(dtype)
    for k in (1, 2, 7):
        expected = few_values.sort(dim=-1, descending=True, stable=True).indices[..., :k]
        assert torch.equal(choose("top", few_values, k=k), expected)


def test_top_two_of_a_saturated_softmax_is_the_gates_own_order_not_the_scores():
    gates = gate("softmax", torch.tensor([200.0, 3.0, 5.0, 4.0]))
    assert choose("top", gates, k=2).tolist() == [0, 1]


def test_top_never_takes_nan_or_minus_infinity_and_leaves_the_slot_empty():
    selection = torch.tensor([[NAN, 0.1, -INF, 0.3], [NAN, NAN, -INF, 0.3], [NAN, NAN, NAN, -INF]])
    assert choose("top", selection, k=3).tolist() == [[3, 1, -1], [3, -1, -1], [-1, -1, -1]]


def test_groups_are_those_with_the_largest_sums_of_as_many_gates_as_each_may_give():
    gates = torch.tensor([0.9, 0.0, 0.0, 0.5, 0.5, 0.1, 0.4, 0.4, 0.4])
    # k = 4 from 2 groups: two of each count; sums 0.9, 1.0, 0.8
    assert choose("top", gates, k=4, groups=3, from_groups=2).tolist() == [0, 3, 4, 5]
    # k = 2 from 2 groups: the largest of each counts
    assert choose("top", gates, k=2, groups=3, from_groups=2).tolist() == [0, 3]
    # k = 3 from 1: all three of each, 0.9, 1.1, 1.2
    assert choose("top", gates, k=3, groups=3, from_groups=1).tolist() == [6, 7, 8]
    assert choose("top", torch.zeros(6), k=2, groups=3, from_groups=1).tolist() == [0, 1]  # ties: the first group


def test_a_group_is_judged_by_those_that_can_be_chosen():
    gates = torch.tensor([[-INF, 0.9, 0.5, 0.5], [-INF, -INF, -0.2, -INF], [-INF, -INF, -INF, -INF]])
    found = choose("top", gates, k=2, groups=2, from_groups=1).tolist()
    assert found == [[2, 3], [2, -1], [-1, -1]]


@pytest.mark.parametrize(("k", "groups", "from_groups"), [(2, 3, 1), (2, 3, 2), (3, 4, 2), (4, 2, 2), (6, 4, 3)])
def test_the_sets_that_groups_allow_are_counted(k, groups, from_groups):
    kind = catalogue.get("choose", "top")
    params = kind.Params(k=k, groups=groups, from_groups=from_groups)
    size = 12
    allowed = sum(
        len({slot * groups // size for slot in each}) <= from_groups for each in itertools.combinations(range(size), k)
    )
    assert kind.sets(params, size) == allowed


def test_top_takes_a_negative_gate_rather_than_none():
    assert choose("top", torch.tensor([-5.0, -1.0, -3.0]), k=2).tolist() == [1, 2]


def test_all_takes_every_candidate_in_order_but_never_nan():
    assert choose("all", torch.tensor([0.1, NAN, 0.9, -INF])).tolist() == [0, -1, 2, -1]


def test_fixed_is_fixed_whatever_the_scores_say():
    assert choose("fixed", torch.tensor([[0.1, NAN, 0.9], [-INF, -INF, 0.0]]), index=1).tolist() == [[1], [1]]
    kind = catalogue.get("choose", "fixed")
    assert kind.fixed(kind.Params(index=1), 3) == (1,) and kind.k(kind.Params(index=1), 3) == 1


def test_choices_give_no_gradient_and_are_integers():
    selection = torch.rand(2, 5, 4, requires_grad=True)
    for name, args in (("top", {"k": 2}), ("all", {}), ("fixed", {"index": 0})):
        ids = choose(name, selection, **args)
        assert ids.dtype == torch.int64 and not ids.requires_grad


def test_choices_beyond_the_pool_are_a_fault():
    for name, args in (("top", {"k": 4}), ("fixed", {"index": 3})):
        kind = catalogue.get("choose", name)
        assert [f.field for f in kind.check(kind.Params(**args), 3)] == list(args)
        assert not list(kind.check(kind.Params(**{key: 2 for key in args}), 3))


# --- gate ---


def test_softmax_gives_a_missing_score_nothing_and_stays_finite_without_any():
    gates = gate("softmax", torch.tensor([[1.0, -INF, 1.0], [-INF, -INF, -INF]]))
    assert gates.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_gradients_through_missing_scores_are_finite():
    for name in ("softmax", "sigmoid"):
        free = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        gate(name, torch.where(torch.tensor([[True, False], [False, False]]), free, -INF)).square().sum().backward()
        assert free.grad is not None and free.grad.isfinite().all()
        missing = torch.full((1, 3), -INF, requires_grad=True)
        assert torch.autograd.grad(gate(name, missing).sum(), missing)[0].isfinite().all()


def test_gates_are_what_they_are_called():
    scores = torch.randn(2, 3, 4)
    assert torch.equal(gate("sigmoid", scores), scores.sigmoid())
    assert torch.equal(gate("none", scores), scores)
    assert torch.allclose(gate("softmax", scores), scores.softmax(-1))


# --- weight, grad, combine ---


def weigh(name: str, gates: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return catalogue.get("weight", name).weigh(gates, valid)


def test_weights_of_filled_and_empty_slots():
    gates, valid = torch.tensor([[0.6, 0.2], [0.5, 0.5]]), torch.tensor([[True, True], [True, False]])
    assert weigh("raw", gates, valid).flatten().tolist() == pytest.approx([0.6, 0.2, 0.5, 0.0])
    assert weigh("renormalised", gates, valid).flatten().tolist() == pytest.approx([0.75, 0.25, 1.0, 0.0])
    assert weigh("one", gates, valid).tolist() == [[1.0, 1.0], [1.0, 0.0]]
    assert weigh("uniform", gates, valid).tolist() == [[0.5, 0.5], [0.5, 0.0]]


def test_renormalised_gates_that_are_all_zero_stay_zero_and_give_no_nan():
    gates = torch.zeros(1, 2, requires_grad=True)
    weights = weigh("renormalised", gates, torch.tensor([[True, False]]))
    weights.sum().backward()
    assert weights.tolist() == [[0.0, 0.0]] and gates.grad is not None and gates.grad.isfinite().all()


@pytest.mark.parametrize("name", ["raw", "renormalised", "one", "uniform"])
@pytest.mark.parametrize("k", [1, 2])
def test_a_weight_says_rightly_whether_the_router_learns_from_it(name, k):
    gates = torch.rand(5, k, dtype=torch.float64, requires_grad=True)
    weights = weigh(name, gates, torch.ones(5, k, dtype=torch.bool))
    weighted = (weights * torch.randn(5, k, dtype=torch.float64)).sum()
    grad = torch.autograd.grad(weighted, gates)[0] if weighted.requires_grad else torch.zeros(5, k)
    assert bool(grad.abs().max() > 1e-9) == catalogue.get("weight", name).trains_router(k)


def test_straight_through_keeps_the_value_and_takes_the_gate_s_gradient():
    gates, valid = torch.tensor([0.3, 0.4], requires_grad=True), torch.tensor([True, False])
    ones = weigh("one", gates, valid)
    passed = catalogue.get("grad", "ste").through(ones, gates, valid)
    (passed * torch.tensor([5.0, 7.0])).sum().backward()
    assert torch.equal(passed.detach(), ones)
    assert gates.grad is not None and gates.grad.tolist() == [5.0, 0.0]


def test_grad_none_cuts_and_soft_does_not():
    gates, valid = torch.rand(3, 2, requires_grad=True), torch.ones(3, 2, dtype=torch.bool)
    raw = weigh("raw", gates, valid)
    assert catalogue.get("grad", "soft").through(raw, gates, valid) is raw
    assert not catalogue.get("grad", "none").through(raw, gates, valid).requires_grad


def test_in_branch_is_the_authors_aggregation():
    """h + (1/k) sum attention_i + sum rho_i mlp_i, against delta's h + sum rho_i (attention_i + mlp_i)."""
    rho, attention, mlp = torch.rand(4, 2), torch.randn(4, 2), torch.randn(4, 2)
    inner, outer = catalogue.get("combine", "in_branch").scales(rho, 2)
    code = (outer * (attention + inner * mlp)).sum(-1)
    assert torch.allclose(code, attention.mean(-1) + (rho * mlp).sum(-1))
    inner, outer = catalogue.get("combine", "delta").scales(rho, 2)
    assert inner is None and outer is rho


# --- score and noise ---


def test_linear_and_mlp_scores_are_their_formulas():
    view = torch.randn(2, 5, 8)
    kind = catalogue.get("score", "linear")
    weights = {"weight": torch.randn(8, 3)}
    assert torch.allclose(score("linear", view, 3, weights), view @ weights["weight"])
    assert kind.weights(kind.Params(), 8, 3)[0].shape == (8, 3) and kind.flops(kind.Params(), 8, 3) == 48
    two = {"up": torch.randn(8, 6), "down": torch.randn(6, 3)}
    expected = torch.nn.functional.gelu(view @ two["up"], approximate="tanh") @ two["down"]
    assert torch.allclose(score("mlp", view, 3, two, hidden=6), expected)


def test_a_cosine_does_not_care_for_lengths():
    view, weight = torch.randn(2, 5, 8), torch.randn(8, 3)
    found = score("cosine", view, 3, {"weight": weight})
    expected = torch.nn.functional.cosine_similarity(view[..., None], weight[None, None], dim=-2)
    assert torch.allclose(found, expected, atol=1e-6)
    longer = {"weight": weight * torch.tensor([1.0, 0.1, 30.0])}
    assert torch.allclose(found, score("cosine", 7 * view, 3, longer), atol=1e-6)
    nothing = score("cosine", torch.zeros(1, 1, 8), 3, {"weight": weight})
    assert torch.equal(nothing, torch.zeros(1, 1, 3))


@pytest.mark.parametrize("name", ["linear", "mlp", "cosine", "random", "hash", "constant"])
@pytest.mark.parametrize(
    ("view", "wide"), [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)]
)
def test_scores_are_float32_or_wider(name, view, wide):
    args = {"hidden": 4} if name == "mlp" else {}
    got = score(name, torch.randn(2, 5, 8).to(view), 3, **args)
    assert got.shape == (2, 5, 3) and got.dtype == wide


def test_hash_orders_each_token_id_the_same_way_everywhere():
    ids = torch.tensor([[7, 300, 7], [300, 7, 50_000]])
    got = score("hash", torch.zeros(2, 3, 1), 16, ids=ids)
    order = choose("top", got, k=16)
    assert torch.equal(order[0, 0], order[0, 2]) and torch.equal(order[0, 0], order[1, 1])
    assert not torch.equal(order[0, 0], order[0, 1])
    assert order.sort(-1).values[0, 0].tolist() == list(range(16))
    assert not torch.equal(order, choose("top", score("hash", torch.zeros(2, 3, 1), 16, ids=ids, seed=0) * -1, k=16))


def test_hash_spreads_token_ids_evenly_over_candidates_and_seeds_differ():
    ids = torch.arange(20_000)[None]
    firsts = []
    for seed in (0, 1):
        kind = catalogue.get("score", "hash")
        scores = kind.scores(kind.Params(seed=seed), {}, torch.zeros(1, 20_000, 1), kind_ops.PlainRouterOps(ids, 8))
        firsts.append(scores.argmax(-1)[0])
    counts = torch.bincount(firsts[0], minlength=8)
    assert counts.min() > 2300 and counts.max() < 2700
    assert scores.unique().numel() > 150_000, "24 bits leave few ties among 160,000 scores"
    assert 0.1 < (firsts[0] == firsts[1]).double().mean() < 0.15, "two seeds agree as often as chance has it"
    assert 0.1 < (firsts[0][1:] == firsts[1][:-1]).double().mean() < 0.15, "nor is one the other, moved"


def test_random_scores_come_from_the_lowering_and_choose_every_set_alike():
    view = torch.zeros(1, 12_000, 1)
    got = score("random", view, 4, seed=3)
    assert torch.equal(got, score("random", view, 4, seed=3)) and not torch.equal(got, score("random", view, 4, seed=4))
    pairs = choose("top", got, k=2).sort(-1).values[0].tolist()
    counts = [sum(pair == list(two) for pair in pairs) for two in itertools.combinations(range(4), 2)]
    assert min(counts) > 1850 and max(counts) < 2150


def test_constant_scores_are_learned_from_zero_or_stay_as_written():
    view = torch.zeros(2, 3, 4)
    kind = catalogue.get("score", "constant")
    learned, written = kind.Params(), kind.Params(values=(1.0, 2.0))
    assert [s.shape for s in kind.weights(learned, 4, 2)] == [(2,)] and kind.weights(written, 4, 2) == ()
    assert kind.learns(learned) and not kind.learns(written)
    assert score("constant", view, 2, values=(1.0, 2.0))[1, 2].tolist() == [1.0, 2.0]
    assert torch.equal(score("constant", view, 2), torch.zeros(2, 3, 2))
    assert [f.field for f in kind.check(written, 3)] == ["values"]


def test_jitter_multiplies_within_its_share():
    kind, view = catalogue.get("noise", "jitter"), torch.ones(1, 4_000, 2)
    ops = kind_ops.PlainRouterOps(torch.zeros(1, 4_000, dtype=torch.int64), 3)
    got = kind.perturb(kind.Params(share=0.1), view, ops)
    assert 0.9 <= got.min() < 0.901 and 1.099 < got.max() <= 1.1
    assert got.mean().item() == pytest.approx(1.0, abs=2e-3)


@pytest.mark.compiles
def test_a_whole_choice_compiles_and_ties_go_to_the_lowest_index_there_too():
    torch._dynamo.reset()
    softmax, top, renormalised = (
        catalogue.get(*word) for word in (("gate", "softmax"), ("choose", "top"), ("weight", "renormalised"))
    )
    nothing, three = softmax.Params(), top.Params(k=3)

    def choice(scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gates = softmax.gate(nothing, scores)
        ids = top.choose(three, torch.where(scores.isneginf(), -INF, gates))
        return ids, renormalised.weigh(gates.gather(-1, ids.clamp(min=0)), ids >= 0)

    scores = torch.randint(0, 3, (4, 65, 11), generator=torch.Generator().manual_seed(0)).double()
    scores[0, :, 2:] = -INF
    ids, weights = torch.compile(choice, fullgraph=True)(scores)
    expected_ids, expected = choice(scores)
    assert torch.equal(ids, expected_ids) and torch.allclose(weights, expected)


def test_by_chance_takes_each_candidate_with_its_own_chance():
    kind = catalogue.get("choose", "by_chance")
    chances = torch.tensor([0.0, 0.3, 0.9, 1.0]).expand(4, 5000, 4)
    ops = kind_ops.PlainRouterOps(torch.zeros(4, 5000, dtype=torch.int64), 4)
    ids = kind.choose(kind.Params(), kind.draw(kind.Params(), chances, ops))
    taken = (ids >= 0).double().mean((0, 1))
    assert taken[0] == 0 and taken[3] == 1
    assert (taken - chances[0, 0]).abs().max() < 0.02
    assert abs(float(((ids[..., 1] >= 0) & (ids[..., 2] >= 0)).double().mean()) - 0.27) < 0.02
    assert bool(((ids == torch.arange(4)) | (ids == -1)).all())


def test_by_chance_never_takes_what_is_ruled_out():
    kind = catalogue.get("choose", "by_chance")
    ops = kind_ops.PlainRouterOps(torch.zeros(1, 50, dtype=torch.int64), 2)
    selection = torch.tensor([-INF, NAN]).expand(1, 50, 2)
    assert (kind.choose(kind.Params(), kind.draw(kind.Params(), selection, ops)) == -1).all()


def test_channel_is_the_first_of_the_stream_with_a_gradient_to_it():
    view = torch.tensor([[[0.5, 9.0], [-1.0, 9.0]]], requires_grad=True)
    found = score("channel", view, 1, scale=10.0, shift=30.0)
    assert found.tolist() == [[[-25.0], [-40.0]]]
    found.sum().backward()
    assert view.grad.tolist() == [[[10.0, 0.0], [10.0, 0.0]]]


def test_a_channel_cannot_tell_candidates_apart():
    kind = catalogue.get("score", "channel")
    assert [bool([*kind.check(kind.Params(), size)]) for size in (1, 2)] == [False, True]

"""Balance losses by hand, and bias updates as the papers and the authors' code have them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from dnac import catalogue
from dnac.ir.form import form
from dnac.kinds.base import BalanceContext, RouteFacts
from dnac.kinds.present import AWAY


def context(counts, member=(), empty: int = 0, network=(0, 0), skips=None, rate: float | None = None) -> BalanceContext:
    at = torch.zeros(len(counts), dtype=torch.bool)
    at[list(member)] = True
    return BalanceContext(
        torch.tensor(counts), torch.tensor(empty), at, torch.tensor(network),
        lambda number: number if rate is None else rate,
        None if skips is None else torch.tensor(skips),
    )  # fmt: skip


def update(name: str, given: BalanceContext, **args) -> list[float]:
    kind = catalogue.get("balance", name)
    change = kind.update(kind.Params(**args), given)
    assert change.dtype == torch.float32
    return change.tolist()


def skip(given: BalanceContext, share: float = 0.25, per: str = "step") -> list[float]:
    return update("skip_target", given, member="skip", share=share, per=per, rate=0.5)


def test_per_step_all_identities_move_together_by_their_summed_count():
    assert skip(context([10, 6, 1, 3], member=(2, 3))) == [0, 0, 0.5, 0.5]
    assert skip(context([4, 6, 1, 9], member=(2, 3))) == [0, 0, -0.5, -0.5]


def test_a_reached_target_moves_nothing():
    assert skip(context([9, 6, 1, 4], member=(2, 3))) == [0, 0, 0, 0]


def test_empty_slots_count_among_all_choices():
    assert skip(context([6, 6, 2, 2], member=(2, 3))) == [0, 0, 0, 0]
    assert skip(context([6, 6, 2, 2], member=(2, 3), empty=4)) == [0, 0, 0.5, 0.5]


def test_per_network_follows_all_routers_and_not_its_own_count():
    own_is_high = context([0, 0, 8, 8], member=(2, 3), network=(20, 100))
    assert skip(own_is_high, per="network") == [0, 0, 0.5, 0.5]
    assert skip(context([8, 8, 0, 0], member=(2, 3), network=(25, 100)), per="network") == [0, 0, 0, 0]


@pytest.mark.parametrize("counts", [[50, 20, 3, 27], [1, 1, 49, 49], [25, 25, 25, 25], [60, 15, 25, 0]])
def test_per_identity_is_the_authors_code(counts):
    """delta = sign((r/k) * counts.sum() - counts), applied to the k identity slots (linear_router.py)."""
    r, k, identities = 0.5, 2, (2, 3)
    total = sum(counts)
    sign = [(Fraction(r) / k * total > c) - (Fraction(r) / k * total < c) for c in counts]
    expected = [0.5 * sign[i] if i in identities else 0.0 for i in range(4)]
    assert skip(context(counts, member=identities), share=r, per="identity") == expected


def test_the_rate_is_that_of_the_train_step():
    assert update("skip_target", context([10, 0], member=(1,), rate=0.25), member="skip", share=0.5, rate=1.0) == [
        0,
        0.25,
    ]


def test_load_bias_moves_every_candidate_towards_the_mean_load():
    assert update("load_bias", context([5, 3, 1, 3]), rate=0.5) == [-0.5, 0, 0.5, 0]


def test_load_bias_leaves_identities_alone():
    given = context([5, 3, 90, 2], skips=[False, False, True, True])
    assert update("load_bias", given, rate=0.5) == [-0.5, 0.5, 0, 0]
    assert update("load_bias", context([4, 4, 90], skips=[False, False, True]), rate=0.5) == [0, 0, 0]


def loss(name: str, scores: torch.Tensor, gates: torch.Tensor, ids: torch.Tensor, **args) -> torch.Tensor:
    kind = catalogue.get("balance", name)
    return kind.loss(kind.Params(**args), scores, gates, ids, ids >= 0)


def routed(k: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    scores = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gates = scores.softmax(-1)
    return scores, gates, gates.topk(k).indices


@pytest.mark.parametrize("per", ["batch", "sequence"])
def test_aux_is_switch_s_loss_by_explicit_counting(per):
    scores, gates, ids = routed()
    groups = [(gates.flatten(0, 1), ids.flatten(0, 1))] if per == "batch" else list(zip(gates, ids, strict=True))
    expected = 0.0
    for group_gates, group_ids in groups:
        chosen = group_ids.flatten().tolist()
        shares = [chosen.count(i) / len(chosen) for i in range(4)]
        means = group_gates.mean(0).tolist()
        expected += 0.3 * 4 * sum(f * p for f, p in zip(shares, means, strict=True)) / len(groups)
    assert loss("aux", scores, gates, ids, weight=0.3, per=per).item() == pytest.approx(expected)


def test_aux_of_an_even_load_is_its_weight_and_of_a_collapse_m_times_as_much():
    gates = torch.full((1, 4, 4), 0.25)
    even = torch.arange(4)[None, :, None]
    assert loss("aux", gates, gates, even, weight=0.01).item() == pytest.approx(0.01)
    one = torch.zeros(1, 4, 1, dtype=torch.int64)
    sure = torch.tensor([1.0, 0, 0, 0]).expand(1, 4, 4)
    assert loss("aux", sure, sure, one, weight=0.01).item() == pytest.approx(0.04)


def test_aux_reads_sigmoid_gates_as_shares_of_their_sum():
    scores, _, ids = routed()
    gates = scores.sigmoid()
    shares = gates / gates.sum(-1, keepdim=True)
    assert loss("aux", scores, gates, ids, weight=1.0) == pytest.approx(loss("aux", scores, shares, ids, weight=1.0))


def test_aux_skips_empty_slots():
    scores, gates, ids = routed(k=1)
    with_empty = torch.cat((ids, torch.full_like(ids, -1)), dim=-1)
    assert torch.equal(loss("aux", scores, gates, ids, weight=1.0), loss("aux", scores, gates, with_empty, weight=1.0))


def test_aux_reaches_the_router_and_takes_a_tensor_for_a_scheduled_weight():
    scores, _, ids = routed()
    free = scores.requires_grad_()
    kind = catalogue.get("balance", "aux")
    params = kind.Params(weight=1.0).model_copy(update={"weight": torch.tensor(2.0, dtype=torch.float64)})
    twice = kind.loss(params, free, free.softmax(-1), ids, ids >= 0)
    assert twice.item() == pytest.approx(2 * loss("aux", free, free.softmax(-1), ids, weight=1.0).item())
    assert torch.autograd.grad(twice, free)[0].abs().sum() > 0


def test_z_is_the_mean_squared_logsumexp():
    scores, gates, ids = routed()
    expected = 0.1 * (scores.exp().sum(-1).log() ** 2).mean().item()
    assert loss("z", scores, gates, ids, weight=0.1).item() == pytest.approx(expected)


FACTS = RouteFacts(members=("block", "block", "skip", "skip"), identities=(2, 3), k=2, gate="softmax")


def fields(name: str, facts: RouteFacts, **args) -> list[str]:
    kind = catalogue.get("balance", name)
    return [fault.field for fault in kind.check(kind.Params(**args), facts)]


def test_a_skip_target_must_name_identities_that_can_take_the_share():
    assert fields("skip_target", FACTS, member="skip", share=1.0) == []
    assert fields("skip_target", FACTS, member="block", share=0.1) == ["member"]
    one = RouteFacts(members=("block", "block", "skip"), identities=(2,), k=2, gate="softmax")
    assert fields("skip_target", one, member="skip", share=0.5) == []
    assert fields("skip_target", one, member="skip", share=0.6) == ["share"]


def test_aux_needs_gates_that_are_shares():
    assert fields("aux", FACTS, weight=0.1) == []
    assert len(fields("aux", RouteFacts(FACTS.members, FACTS.identities, 2, "none"), weight=0.1)) == 1


def test_only_skip_target_declares_a_share():
    for name in catalogue.names("balance"):
        kind = catalogue.get("balance", name)
        args = {"member": "skip", "share": 0.25} if name == "skip_target" else {}
        args |= {} if name == "skip_target" else {"rate" if kind.update else "weight": 0.1}
        args |= {"kl_geometric": {"chance": 0.2}, "kl_gaussian": {"step": 2}}.get(name, {})
        args = {"importance": 0.1} if name == "cv2" else args
        params = kind.Params(**args)
        assert (kind.target(params), kind.member(params)) == ((0.25, "skip") if name == "skip_target" else (None, None))
        assert (kind.loss is None) != (kind.update is None)


@pytest.mark.compiles
def test_losses_trace_without_a_break():
    torch._dynamo.reset()
    scores, gates, ids = routed()

    kinds = [catalogue.get("balance", name) for name in ("aux", "z")]
    params = [kind.Params(weight=1.0) for kind in kinds]

    def traced(scores: torch.Tensor, gates: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return sum(kind.loss(p, scores, gates, ids, ids >= 0) for kind, p in zip(kinds, params, strict=True))

    compiled = torch.compile(traced, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(scores, gates, ids), traced(scores, gates, ids))


@pytest.mark.parametrize("name", ["aux", "z", "router_bce"])
def test_tokens_that_left_are_in_no_loss(name: str):
    """The loss of eight tokens of which the last three have left is that of the first five."""
    kind = catalogue.get("balance", name)
    scores = torch.randn(1, 8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gates = scores.softmax(-1)
    ids = scores.argmax(-1, keepdim=True).expand(1, 8, 3 if name == "router_bce" else 1).clone()
    ids[:, 5:] = -2
    valid = ids >= 0
    whole = kind.loss(kind.Params(weight=0.5), scores, gates, ids, valid)
    part = kind.loss(kind.Params(weight=0.5), scores[:, :5], gates[:, :5], ids[:, :5], valid[:, :5])
    assert torch.allclose(whole, part)


def test_a_share_may_be_a_schedule_and_the_update_reads_its_present_value():
    growing = form("schedule", start=0.0, pieces=(form("linear", target=0.25, until=1.0),))
    kind = catalogue.get("balance", "skip_target")
    params = kind.Params(member="skip", share=growing, rate=0.5)
    counted = context([10, 6, 1, 3], member=(2, 3))
    early = replace(counted, value=lambda number: 0.1 if number is growing else number)
    assert kind.update(params, early).tolist() == [0, 0, -0.5, -0.5], "4 of 20 skipped, 2 wanted by now"
    assert kind.update(params, replace(early, value=lambda number: 0.25 if number is growing else number)).tolist() == [
        0, 0, 0.5, 0.5
    ]  # fmt: skip
    assert kind.target(params) == 0.25, "plan tells the end"


def test_a_halting_profile_is_held_near_a_gaussian_over_the_steps():
    """Two tokens, three steps; one has left behind the first: its later gates count as nothing."""
    kind = catalogue.get("balance", "kl_gaussian")
    gates = torch.tensor([[0.2, 0.6], [0.3, 0.9], [0.5, 0.9]], dtype=torch.float64)[:, None, :, None]
    ids = torch.tensor([[-1, 0], [-1, AWAY], [0, AWAY]])[:, None, :, None]
    found = kind.loss(kind.Params(step=2, weight=0.5, spread=0.7), gates, gates, ids, ids >= 0)
    profile = torch.tensor([0.8, 0.3, 0.5], dtype=torch.float64) / 1.6
    wanted = (
        torch.distributions.Normal(2.0, 0.7).log_prob(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)).softmax(0)
    )
    assert torch.allclose(found, 0.5 * (wanted * (wanted / profile).log()).sum())


def test_a_step_at_which_nobody_halts_costs_no_more_than_one_in_a_hundred():
    kind = catalogue.get("balance", "kl_gaussian")
    gates = torch.tensor([1.0, 0.0])[:, None, None, None].requires_grad_()
    ids = torch.full((2, 1, 1, 1), -1)
    found = kind.loss(kind.Params(step=2, weight=1.0), gates, gates, ids, ids >= 0)
    found.backward()
    assert found < torch.tensor(100.0).log() and gates.grad.isfinite().all()

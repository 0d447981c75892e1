"""Capacities and choices of tokens: every lowering alike, forced corners, and what depends on what."""

from __future__ import annotations

import pytest
import torch

import graphs
from dnac.ir.form import Form, form
from dnac.ir.graph import Part
from lowered import ATTENTION, BATCH, BLOCK, MLP, SKIP, TOKENS, error, inputs_for, network, require_equal, routed

LOWERINGS = ["reference", "portable"]
BANKS = [("a", 2, ATTENTION), SKIP, ("m", 2, MLP)]


def capacity(factor: float, order: str = "position", per: str = "sequence") -> Form:
    """The limit's form, complete."""
    return form("capacity", factor=factor, overflow="pass", order=order, per=per)


def take(share: float, takers: tuple[int, ...], rest: int | None = None, per: str = "sequence") -> Form:
    """`choose = top_tokens`, complete."""
    return form("top_tokens", share=share, member=None, per=per, takers=takers, rest=rest)


TAKES = {
    "one module": take(0.25, (1,), 3),
    "expert choice": take(0.5, (0, 1, 2)),
    "expert choice and an identity": take(0.25, (0, 1, 2), 3),
    "all tokens": take(1.0, (0, 1, 2), 3),
    "one token": take(0.01, (0, 2), 3),
    "of the batch": take(0.25, (0, 1, 2), 3, "batch"),
}


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("factor", [0.01, 0.6, 1.25])
@pytest.mark.parametrize(("order", "per"), [("position", "sequence"), ("gate", "sequence"), ("position", "batch")])
def test_capacities_run_alike(order: str, per: str, factor: float, k: int) -> None:
    limit = capacity(factor, order, per)
    require_equal(routed(BANKS, choose=form("top", k=k), limit=limit, weight=form("renormalised" if k > 1 else "raw")))


@pytest.mark.parametrize("sees", ["peers", "module", "everyone"])
@pytest.mark.parametrize("slots", [[0], [3], [-1], [1, -1], [2, 0], [2, 0, 3, 1]])
def test_forced_choices_meet_the_limit_too(slots: list[int], sees: str) -> None:
    forced = tuple(torch.tensor(slots).expand(BATCH, TOKENS, -1) for _ in range(2))
    limit, choose = capacity(1.0), form("top", k=len(slots))
    graph = routed(
        [BLOCK, SKIP], choose=choose, limit=limit, sees=form(sees), balance=(form("aux", weight=0.1, per="batch"),)
    )
    require_equal(graph, routes=forced)
    output = network(graph)(inputs_for(graph), routes=forced, record=True)
    room = TOKENS * len(slots) // 4
    for step, stats in zip(output.record, output.stats, strict=True):
        for module in {0, 1, 2} & set(slots):
            assert ((step.ids == module).any(-1).sum(1) == room).all()
            assert torch.equal(step.ids[:, :room], forced[0][:, :room])
        refused = BATCH * (TOKENS - room) * len({0, 1, 2} & set(slots))
        assert stats.counts[4] == BATCH * TOKENS * slots.count(-1) + refused
        assert stats.counts[3] == BATCH * TOKENS * slots.count(3)  # nothing limits an identity


def test_balance_losses_see_the_choices_before_the_limit() -> None:
    aux = (form("aux", weight=0.1, per="batch"),)
    score = form("hash", seed=3)
    free, held = (
        routed([BLOCK, SKIP], score=score, limit=limit, balance=aux) for limit in (form("none"), capacity(0.5))
    )
    losses = [network(graph)(inputs_for(graph)).router_loss.item() for graph in (free, held)]
    assert losses[0] == losses[1] > 0


@pytest.mark.parametrize("takes", TAKES)
def test_choices_of_tokens_run_alike(takes: str) -> None:
    require_equal(routed([BLOCK, SKIP], choose=TAKES[takes], gate=form("sigmoid")))


@pytest.mark.parametrize("fields", [{"gate": form("none")}, {"combine": form("in_branch")}, {"sees": form("module")},
                                    {"sees": form("everyone")}, {"weight": form("renormalised")}])  # fmt: skip
def test_choices_of_tokens_run_alike_in_every_field(fields: dict) -> None:
    require_equal(routed([BLOCK, SKIP], choose=TAKES["expert choice and an identity"], **fields))


def test_tied_tokens_are_taken_from_the_first_on() -> None:
    graph = routed([BLOCK, SKIP], choose=take(0.5, (0, 2), 3), score=form("constant", values=(1.0, 0.0, 1.0, 0.0)))
    require_equal(graph, routes=None)
    taken = network(graph)(inputs_for(graph), record=True).record[0].ids
    half = TOKENS // 2
    assert taken[0].tolist() == [[0, 2]] * half + [[3, -1]] * half


def test_mixture_of_depths_is_the_paper_s_formula() -> None:
    """x' = r f(x) + x for the C best scores r of a sequence, x' = x for the others (arXiv 2404.02258, eq. 1)."""
    parts = (Part("mlp", graphs.mlp()),)
    deep = routed([("f", None, parts), ("skip", 1, ())], steps=1, choose=take(0.25, (0,), 1), gate=form("none"))
    net, inputs = network(deep), inputs_for(deep)
    state = net.state_dict()
    table, positions = state["embed.table"], state["embed.positions"]
    x = table[inputs] + positions[: inputs.shape[1]]
    r = (x @ state["hop.0.weight"])[..., 0]
    best = r.topk(TOKENS // 4, dim=1).indices
    layer = torch.nn.functional.layer_norm
    f = torch.nn.functional.gelu(
        layer(x, x.shape[-1:]) * state["pool.f.mlp.norm"] @ state["pool.f.mlp.up"], approximate="tanh"
    )
    f = f @ state["pool.f.mlp.down"]
    is_taken = torch.zeros_like(r, dtype=torch.bool).scatter(1, best, True)
    y = x + torch.where(is_taken, r, 0)[..., None] * f
    logits = layer(y, y.shape[-1:]) * state["lm.norm"] @ state["lm.weight"]
    assert error(net(inputs).logits, logits) < 1e-10


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize(("limit", "is_causal", "is_alone"), [
    (capacity(0.5), True, True), (capacity(0.5, "gate"), False, True), (capacity(0.5, per="batch"), True, False),
])  # fmt: skip
def test_the_verdicts_of_capacity_are_true(limit: Form, is_causal: bool, is_alone: bool, lowering: str) -> None:
    graph = routed([("m", 3, MLP), SKIP], steps=3, choose=form("top", k=2), limit=limit)
    net, inputs = network(graph, lowering), inputs_for(graph, batch=4)
    whole = net(inputs).logits
    assert (error(net(inputs[:, :5]).logits, whole[:, :5]) < 1e-11) is is_causal
    alone = torch.cat([net(inputs[b : b + 1], samples=torch.tensor([b])).logits for b in range(4)])
    assert (error(alone, whole) < 1e-11) is is_alone


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_the_verdicts_of_chosen_tokens_are_true(lowering: str) -> None:
    for per, is_alone in (("sequence", True), ("batch", False)):
        graph = routed([("m", 3, MLP), SKIP], steps=3, choose=take(0.3, (0, 1, 2), 3, per))
        net, inputs = network(graph, lowering), inputs_for(graph, batch=4)
        whole = net(inputs).logits
        later = inputs.clone()
        later[:, -1] = (later[:, -1] + 1) % 32
        assert error(net(later).logits[:, :-1], whole[:, :-1]) > 1e-6
        alone = torch.cat([net(inputs[b : b + 1], samples=torch.tensor([b])).logits for b in range(4)])
        assert (error(alone, whole) < 1e-11) is is_alone


@pytest.mark.parametrize("order", ["position", "gate"])
def test_a_record_replays_the_step_and_its_losses(order: str) -> None:
    aux = (form("aux", weight=0.1, per="batch"),)
    graph = routed(BANKS, choose=form("top", k=2), limit=capacity(0.5, order), balance=aux)
    net, inputs = network(graph), inputs_for(graph)
    first = net(inputs, record=True)
    assert any(not torch.equal(step.ids, step.wanted) for step in first.record)
    again = net(inputs, record=True, routes=[step.wanted for step in first.record])
    assert torch.equal(again.logits, first.logits) and torch.equal(again.router_loss, first.router_loss)
    ran = net(inputs, record=True, routes=[step.ids for step in first.record])
    assert torch.equal(ran.logits, first.logits) and ran.router_loss != first.router_loss
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(ran.record, first.record, strict=True))

"""Costs under a limit, and where modules choose their tokens: by hand."""

from __future__ import annotations

import pytest

from dnac.ir.form import Form, form
from dnac.ir.graph import Graph, Route
from dnac.schedule.chance import chances
from dnac.schedule.cost import Costs, Range
from dnac.schedule.paths import paths
from dnac.schedule.state import state_shapes
from graphs import tiny_text

D, T, KEYS = 16, 12, 6.5
ROUTER, BLOCK = 2 * D * 5, 24 * D * D
PARAMS = 12 * D * D + 2 * D


def capacity(factor: float, per: str = "sequence") -> Form:
    return form("capacity", factor=factor, overflow="pass", order="position", per=per)


def take(share: float, takers: tuple[int, ...], rest: int | None) -> Form:
    return form("top_tokens", share=share, member=None, per="sequence", takers=takers, rest=rest)


def cost(graph: Graph) -> Range:
    return Costs(graph).route(next(n for n in graph.nodes if isinstance(n, Route))).whole


def run(share: float, keys: float) -> float:
    """What modules cost that take this share of the tokens in all, each token with so many keys."""
    return share * (BLOCK + 4 * D * keys)


def test_a_full_module_overflows_to_the_next_dearest() -> None:
    """ceil(1.25 * 12 / 5) = 3 of 12 tokens: at most four modules with a quarter each, and no fifth is left."""
    room, p = 3 / 12, 1 / 5
    found = cost(tiny_text(limit=capacity(1.25)))
    most = run(4 * room, 1 + room * (KEYS - 1))
    assert found == pytest.approx(Range(ROUTER, ROUTER + run(4 * p, 1 + p * (KEYS - 1)), ROUTER + most))


def test_a_limit_below_a_level_load_holds_the_expected_cost_too() -> None:
    """ceil(0.5 * 12 / 4) = 2 of 12 tokens, and no identity: the least is one full module, all others refused."""
    router, room = 2 * D * 4, 2 / 12
    found = cost(tiny_text(skips=0, limit=capacity(0.5)))
    want = run(4 * room, 1 + room * (KEYS - 1))
    assert found == pytest.approx(Range(router + run(room, 1), router + want, router + want))
    active = Costs(tiny_text(steps=1, skips=0, limit=capacity(0.5))).route
    (route,) = [n for n in tiny_text(steps=1, skips=0).nodes if isinstance(n, Route)]
    assert active(route).params == pytest.approx(Range(0, 4 * room * PARAMS, PARAMS))


def test_room_that_sequences_share_bounds_none_of_them() -> None:
    assert cost(tiny_text(limit=capacity(0.5, "batch"))) == cost(tiny_text())


def test_an_identity_takes_its_declared_share_under_any_limit() -> None:
    target = form("skip_target", member="skip", share=0.6, per="step", rate=1e-3)
    graph = tiny_text(limit=capacity(1.25), balance=(target,))
    (route, *_) = [n for n in graph.nodes if isinstance(n, Route)]
    assert chances(graph, route) == pytest.approx([0.1] * 4 + [0.6])


def test_modules_that_choose_take_their_share_in_every_case() -> None:
    """ceil(0.2 * 12) = 3 of 12 tokens each."""
    graph = tiny_text(choose=take(0.2, (0, 1, 2, 3), 4))
    assert cost(graph) == pytest.approx((ROUTER + run(4 * 0.25, 1 + 0.25 * (KEYS - 1)),) * 3)
    (route, *_) = [n for n in graph.nodes if isinstance(n, Route)]
    assert chances(graph, route) == pytest.approx([0.25] * 4 + [0.75**4])
    assert paths(graph) == (2**4) ** 3


def test_a_predictor_is_counted_with_its_router() -> None:
    decode = form("predictor", score=form("mlp", hidden=8, init=form("normal", std=0.02)), loss=0.01)
    graph = tiny_text(choose=take(0.25, (0,), 4), decode=decode)
    plain = tiny_text(choose=take(0.25, (0,), 4))
    assert Costs(graph).router_params["hop[0]"] - Costs(plain).router_params["hop[0]"] == 8 * (D + 5)
    assert cost(graph).max - cost(plain).max == pytest.approx(2 * 8 * (D + 5))
    assert state_shapes(graph)["hop.0.decode.up"] == (D, 8)
    assert state_shapes(graph)["hop.0.decode.down"] == (8, 5)

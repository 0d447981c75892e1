"""Costs of what the six models do not have: other views, shared members, folded choices, targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dnac.ir.form import Form, form
from dnac.ir.graph import Graph, Member, Route
from dnac.passes.pipeline import LEVELS, optimize
from dnac.schedule.build import build_schedule
from dnac.schedule.chance import chances
from dnac.schedule.cost import Costs, Range, total
from dnac.schedule.instruction_cost import instruction_costs
from dnac.schedule.paths import as_json, distinct_paths, paths
from graphs import tiny_text
from random_graphs import random_graph

D, T, KEYS = 16, 12, 6.5
ROUTER, BLOCK = 2 * D * 5, 24 * D * D
"""A router over 5 candidates; the matrices of one block of `tiny_text`."""


def step_cost(graph: Graph, step: int = 0) -> Range:
    return Costs(graph).route(next(n for n in graph.nodes if isinstance(n, Route) and n.step == step)).whole


def skip_target(share: float) -> tuple[Form, ...]:
    return (form("skip_target", member="skip", share=share, per="step", rate=1e-3),)


def test_peers_see_those_who_chose_the_same() -> None:
    p = 1 / 5
    want = Range(ROUTER, ROUTER + 4 * p * (BLOCK + 4 * D * (1 + p * (KEYS - 1))), ROUTER + BLOCK + 4 * D * KEYS)
    assert step_cost(tiny_text()) == pytest.approx(want)


def test_everyone_costs_keys_of_every_token_in_every_module() -> None:
    kv = 2 * D * 2 * D
    p = 1 / 5
    chosen = BLOCK + 4 * D * KEYS
    want = Range(ROUTER + 4 * kv, ROUTER + 4 * (p * chosen + (1 - p) * kv), ROUTER + chosen + 3 * kv)
    assert step_cost(tiny_text(sees=form("everyone"))) == pytest.approx(want)


def test_module_sees_earlier_steps_too() -> None:
    graph = tiny_text(sees=form("module"))
    p = 1 / 5
    seen = 1 + p * (KEYS - 1) + 2 * p * KEYS
    want = Range(ROUTER, ROUTER + 4 * p * (BLOCK + 4 * D * seen), ROUTER + BLOCK + 4 * D * 3 * KEYS)
    assert step_cost(graph, step=2) == pytest.approx(want)


def test_first_sees_those_of_the_first_step_wherever_it_stands() -> None:
    graph = tiny_text(sees=form("first"))
    p = 1 / 5
    want = Range(ROUTER, ROUTER + 4 * p * (BLOCK + 4 * D * (1 + p * (KEYS - 1))), ROUTER + BLOCK + 4 * D * KEYS)
    assert step_cost(graph, step=0) == step_cost(graph, step=2) == pytest.approx(want)


def test_what_every_token_chooses_costs_the_same_in_every_case() -> None:
    graph = tiny_text(k=5)
    cost = step_cost(graph)
    assert cost.min == cost.expected == cost.max == ROUTER + 4 * (BLOCK + 4 * D * KEYS)


def test_members_that_always_run_are_counted_once_each() -> None:
    graph = tiny_text(steps=1)
    route = replace(graph.nodes[2], always=(Member("transformer"),))  # type: ignore[type-var]
    more = replace(graph, nodes=(*graph.nodes[:2], route, graph.nodes[3]))
    extra = total((step_cost(more), step_cost(graph).times(-1)))
    assert extra == pytest.approx((BLOCK + 4 * D * KEYS,) * 3)
    assert Costs(more).active_params.min - Costs(graph).active_params.min == 12 * D * D + 2 * D


def test_a_fixed_choice_of_weight_one_costs_no_router() -> None:
    graph = tiny_text(steps=1, choose=form("fixed", index=0), weight=form("one"))
    saved = Costs(graph).flops.max - Costs(optimize(graph)).flops.max
    assert saved == ROUTER


@pytest.mark.parametrize(
    ("k", "skips", "share", "skip", "block"),
    [(1, 1, 0.25, 0.25, 0.75 / 4), (2, 2, 0.25, 0.25, 1.5 / 4), (2, 1, 0.5, 1.0, 1 / 4), (2, 2, 0.0, 0.0, 0.5)],
)
def test_a_declared_skip_share_is_taken_at_its_word(
    k: int, skips: int, share: float, skip: float, block: float
) -> None:
    graph = tiny_text(steps=1, k=k, skips=skips, balance=skip_target(share))
    found = chances(graph, next(n for n in graph.nodes if isinstance(n, Route)))
    assert found == pytest.approx([block] * 4 + [skip] * skips)
    assert sum(found) == pytest.approx(k)


def test_identities_are_counted_as_candidates_and_told_apart_only_by_count() -> None:
    graph = tiny_text(steps=2, blocks=4, skips=2, k=2)
    assert paths(graph) == 15**2
    assert distinct_paths(graph) == (6 + 4 + 1) ** 2


def test_large_counts_are_exact_texts_in_json() -> None:
    assert (as_json(2**53), as_json(2**53 + 1)) == (2**53, "9007199254740993")


@pytest.mark.parametrize("level", LEVELS)
def test_instructions_sum_to_the_network_and_passes_add_no_work(level: str) -> None:
    for seed in range(40):
        graph = random_graph(seed)
        lowered = optimize(graph, level)
        found = total(entry.flops for entry in instruction_costs(lowered, build_schedule(lowered)))
        assert found == pytest.approx(Costs(lowered).flops)
        assert all(a <= b + 1e-6 for a, b in zip(found, Costs(graph).flops, strict=True))
        assert found.min <= found.expected + 1e-6 and found.expected <= found.max + 1e-6


def test_history_sees_every_pair_so_far() -> None:
    """Four blocks and a skip, one choice: at step 2 each token has left a key at 4 of 5 steps before, on average."""
    graph = tiny_text(sees=form("history"))
    p, pairs = 1 / 5, 4 / 5
    seen = 1 + pairs * (KEYS - 1) + 2 * pairs * KEYS
    want = Range(ROUTER, ROUTER + 4 * p * (BLOCK + 4 * D * seen), ROUTER + BLOCK + 4 * D * 3 * KEYS)
    assert step_cost(graph, step=2) == pytest.approx(want)


def test_history_holds_all_choices_of_a_token() -> None:
    """Five of five: each token leaves four keys a step, and sees its own four."""
    cost = step_cost(tiny_text(k=5, sees=form("history")), step=1)
    assert cost.min == cost.expected == cost.max == pytest.approx(ROUTER + 4 * (BLOCK + 4 * D * 8 * KEYS))

"""FLOPs from the choices that were made, against formulas written out here."""

from __future__ import annotations

import torch

import benching
from benching import DNA, MOE, VISION
from dnac.bench.flops import Counter, segments
from dnac.bench.routes import draw, steps_of

D, T, V, B = 16, 12, 40, 3
LINEAR = 24 * D * D
"""Four projections of attention, two of an mlp of 4 D."""


def test_segments_count_tokens_of_each_sequence_and_module():
    ids = torch.tensor([[[0, 2], [2, -1]], [[1, 0], [0, 1]]])
    assert segments(ids, 3) == [[1, 2], [0, 2], [2, 0]]


def attention(n: int) -> float:
    """Causal scores and values of a segment of n tokens."""
    return 4 * D * n * (n + 1) / 2


def test_routed_attention_is_counted_over_the_segments_as_they_are():
    task = benching.task(DNA, "k=2")
    routes = draw(steps_of(task.graph), "zipf", 0.25, B, T, torch.Generator().manual_seed(2))
    router = 2 * D * 5
    by_hand = B * (T * (LINEAR + 2 * D * V) + attention(T))
    for ids in routes:
        by_hand += B * T * router
        for b in range(B):
            for module in range(3):
                n = int((ids[b] == module).sum())
                by_hand += n * LINEAR + attention(n)
    assert Counter(task.graph, B, T).forward(routes) == by_hand


def test_all_to_one_costs_what_dense_does_and_uniform_less():
    from dnac.bench.shape import forward_flops, twin_of

    task = benching.task(DNA, "k=1")
    steps, counter = steps_of(task.graph), Counter(task.graph, B, T)
    one, uniform = (
        counter.forward(draw(steps, kind, 0.0, B, T, torch.Generator().manual_seed(0))) for kind in ("one", "uniform")
    )
    assert one == B * forward_flops(twin_of(task.graph), T) + 3 * B * T * 2 * D * 5
    assert uniform < one


def test_an_mlp_costs_the_same_wherever_it_goes():
    task = benching.task(MOE)
    routes = draw(steps_of(task.graph), "zipf", 0.0, B, T, torch.Generator().manual_seed(0))
    block = T * 8 * D * D + attention(T) + T * (2 * D * 4 + 2 * 6 * D * 24)
    assert Counter(task.graph, B, T).forward(routes) == B * (2 * block + T * 2 * D * V)


def test_images_see_all_their_segment():
    task = benching.task(VISION)
    routes = tuple(torch.tensor([0, 1]).expand(B, 16, 2) for _ in range(2))
    one = 16 * LINEAR + 4 * D * 16 * 16
    by_hand = B * (16 * 2 * 4 * D + 2 * (16 * 2 * D * 4 + 2 * one) + 2 * D * 5)
    assert Counter(task.graph, B, 16).forward(routes) == by_hand

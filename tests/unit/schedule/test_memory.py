"""The memory plan: sizes of values by hand, and its peaks against a plain simulation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dnac.ir.graph import Graph
from dnac.passes.pipeline import optimize
from dnac.schedule.build import build_schedule
from dnac.schedule.liveness import forward_peak, kept_for_backward, training_peak
from dnac.schedule.memory import USABLE, Memory
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import FP32, Types
from dnac.schedule.values import LOSS, Moment
from graphs import tiny_text
from random_graphs import random_graph

D, T, V, M = 16, 12, 256, 5
STREAM = 4 * T * D


def plan_of(graph: Graph, types: Types = FP32, level: str = "O2") -> Memory:
    lowered = optimize(graph, level)
    return Memory(lowered, build_schedule(lowered), Sizes(lowered), types)


def by_name(memory: Memory) -> dict[str, Moment]:
    return {m.out: m for m in memory.moments}


def test_values_have_the_size_of_their_shapes() -> None:
    made = by_name(plan_of(tiny_text(steps=2, k=2)))
    assert made["h0"].size == made["h1"].size == made["h2@1"].size == STREAM
    assert made["h2.routing@0"].size == T * (2 * M * 4 + 2 * (8 + 4 + 4))
    assert made["h2.order@0"].size == T * 2 * 16
    assert made["h2.rows0@1"].size == made["h2.run0@1"].size == 2 * STREAM
    assert made["logits"].size == 4 * T * V
    assert made["h2.run0@0"].inside == 2 * made["h1.increment"].inside


def test_a_turn_reads_what_the_turn_before_it_made() -> None:
    made = by_name(plan_of(tiny_text(steps=3)))
    assert made["h2.routing@0"].reads == ("h1",)
    assert made["h2.routing@2"].reads == ("h2@1",)
    assert made["logits"].reads == ("h2@2",)


def simulated(moments: Sequence[Moment]) -> tuple[int, int, int]:
    """Peaks of a forward pass and of training, and what is kept, by doing it step by step."""
    readers = {m.out: [r.out for r in moments if m.out in r.reads] for m in moments}
    size = {m.out: m.size for m in moments}
    alive: set[str] = set()
    forward = 0
    ahead = [m for m in moments if m.out != LOSS]
    for place, m in enumerate(ahead):
        alive.add(m.out)
        forward = max(forward, sum(size[v] for v in alive) + m.scratch)
        later = {v for r in ahead[place + 1 :] for v in r.reads} | {ahead[-1].out}
        alive &= later
    keepers = {v: [m.out for m in moments if v in m.keeps] for v in size}
    alive, inside, training = set(), 0, 0
    for place, m in enumerate(moments):
        alive.add(m.out)
        inside += m.inside
        training = max(training, sum(size[v] for v in alive) + inside)
        done = {r.out for r in moments[: place + 1]}
        alive = {v for v in alive if keepers[v] or not set(readers[v]) <= done}
    kept = sum(size[v] for v in alive) + inside
    gradients: dict[str, int] = {}
    todo = [m.out for m in moments]
    for m in reversed(moments):
        for value in m.reads:
            gradients.setdefault(value, next(x.gradient for x in moments if x.out == value))
        gradients.setdefault(m.out, m.gradient)
        training = max(training, sum(size[v] for v in alive) + inside + m.scratch + sum(gradients.values()))
        todo.remove(m.out)
        inside -= m.inside
        gradients.pop(m.out)
        alive = {v for v in alive if set(keepers[v]) & set(todo)}
    return forward, training, kept


GRAPHS = {
    "tiny": tiny_text(),
    "two choices": tiny_text(k=2, steps=5),
    "one step": tiny_text(steps=1, blocks=2, skips=0),
    **{f"random {seed}": random_graph(seed) for seed in range(12)},
}


@pytest.mark.parametrize("level", ["O0", "O2"])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_peaks_are_those_of_a_simulation(name: str, level: str) -> None:
    moments = plan_of(GRAPHS[name], level=level).moments
    forward, training, kept = simulated(moments)
    assert (forward_peak(moments).size, kept_for_backward(moments)) == (forward, kept)
    # the simulation frees a gradient after its backward pass and so does the plan
    assert training_peak(moments).size == training


def test_a_forward_pass_alone_does_not_grow_with_the_steps() -> None:
    few, many = plan_of(tiny_text(steps=2)), plan_of(tiny_text(steps=8))
    assert few.forward == many.forward
    grown = many.as_json()["kept_per_sequence"] - few.as_json()["kept_per_sequence"]
    made = by_name(few)
    step = made["h2.run0@0"].inside + made["h2.rows0@0"].size + made["h2.run0@0"].size
    step += made["h2.routing@0"].size + made["h2.order@0"].size + STREAM
    assert grown == 6 * step


def test_weights_are_exact_and_types_follow_the_precision() -> None:
    count = Sizes(tiny_text()).total_params
    single, half = plan_of(tiny_text()), plan_of(tiny_text(), Types("float32", "bfloat16", "float32"))
    assert single.fixed == 16 * count
    assert half.fixed == 18 * count
    assert half.as_json()["working_copies"] == 2 * count
    assert half.training.size < single.training.size


def test_what_fits_leaves_room_for_nothing_else() -> None:
    memory = plan_of(tiny_text())
    room = (memory.fixed + 7 * memory.training.size) / USABLE
    assert memory.fits(int(room) + 2) == 7
    assert memory.fits(int(room) - 2) == 6
    assert memory.fits(1000) == 0


def test_lives_name_the_last_reader() -> None:
    lives = plan_of(tiny_text(steps=2)).lives()
    assert lives["h1.increment"]["until"] == "h1"
    assert lives["h2.increment"] == {"value": STREAM, "until": "h2", "kept": 0}
    assert lives["h2.rows0"]["until"] == "h2.run0 backward"
    assert lives["h2.rows0"]["kept"] == 2 * STREAM

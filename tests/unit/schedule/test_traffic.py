"""Bytes moved by formula, against nets small enough to count by hand."""

from __future__ import annotations

import pytest

from dnac.ir.form import form
from dnac.ir.graph import Graph, Part
from dnac.passes.pipeline import optimize
from dnac.schedule.build import build_schedule
from dnac.schedule.inside import kept, moved, part_sizes, scratch
from dnac.schedule.instruction_cost import instruction_costs
from dnac.schedule.sizes import Sizes
from dnac.schedule.traffic import Moved
from dnac.schedule.types import FP32, Types
from graphs import attention, mlp, tiny_text, transformer

D, T, V, M, HIDDEN = 16, 12, 256, 5, 64
BF16 = Types("float32", "bfloat16", "float32")


def by_op(graph: Graph, types: Types = FP32, level: str = "O2") -> dict[str, Moved]:
    lowered = optimize(graph, level)
    found: dict[str, Moved] = {}
    for cost in instruction_costs(lowered, build_schedule(lowered), types):
        found[cost.op] = found.get(cost.op, Moved()).plus(cost.moved)
    return found


def row(part: Part, types: Types = FP32) -> int:
    return moved(part_sizes(Sizes(tiny_text()), (part,)), D, types)


def test_an_attention_moves_its_norm_its_projections_and_what_attends() -> None:
    norm, projections, attends = 2 * D, D + 3 * D + D + D, 3 * D + D
    assert row(Part("attention", attention())) == 4 * (norm + projections + attends)


def test_an_mlp_moves_its_norm_its_layers_and_the_activation() -> None:
    norm, layers, activation = 2 * D, 2 * (D + HIDDEN), 2 * HIDDEN
    assert row(Part("mlp", mlp())) == 4 * (norm + layers + activation)
    assert row(Part("mlp", mlp(norm=form("none")))) == 4 * (layers + activation)


def test_a_gated_mlp_writes_both_halves_and_reads_their_product() -> None:
    gated = Part("mlp", mlp(activation=form("swiglu", hidden=None)))
    assert row(gated) == 4 * (2 * D + (D + 2 * HIDDEN) + (HIDDEN + D) + (2 * HIDDEN + HIDDEN))


def test_two_parts_make_the_stream_anew_between_them() -> None:
    both = moved(part_sizes(Sizes(tiny_text()), transformer()), D, FP32)
    assert both == row(transformer()[0]) + row(transformer()[1]) + 4 * 3 * D


def test_products_in_half_precision_move_half_and_the_stream_does_not() -> None:
    part = Part("mlp", mlp())
    assert row(part, BF16) == 4 * D + 2 * D + 2 * (2 * (D + HIDDEN) + 2 * HIDDEN)


def test_what_a_part_keeps_and_what_it_needs_at_once() -> None:
    sizes = part_sizes(Sizes(tiny_text()), transformer())
    inputs, between = (D + D) + (D + HIDDEN), 3 * D + HIDDEN
    assert kept(sizes, D, FP32) == 4 * (inputs + between + D)
    assert scratch(sizes, FP32) == 4 * max(D + 3 * D, 3 * D + D, 2 * HIDDEN, D + HIDDEN)


def test_embed_norm_head_and_sums() -> None:
    found = by_op(tiny_text(steps=1))
    assert found["embed"] == Moved(4 * T * D, 4 * D + 8 + 4 * D)
    assert found["head"] == Moved(4 * (D * V + D), 4 * (D + 2 * D + V))
    assert found["add"] == Moved(0, 2 * 3 * 4 * D)


def test_a_routing_step_of_expected_choices() -> None:
    """One choice of five, one of which skips: 4/5 of a row per token reaches the bank."""
    found = by_op(tiny_text(steps=1))
    block = 12 * D * D + 2 * D
    assert found["route"] == Moved(4 * D * M, 4 * D + 2 * 4 * M + 8 + 4)
    assert found["sort"] == Moved(0, 3 * 8)
    assert found["gather"].per_token == pytest.approx(0.8 * (2 * 4 * D + 8))
    whole = moved(part_sizes(Sizes(tiny_text()), transformer()), D, FP32)
    assert found["run"].weights == 4 * 4 * block
    assert found["run"].per_token == pytest.approx(0.8 * whole)
    assert found["combine"].per_token == pytest.approx(0.8 * 4 * D + 12 + 4 * D)


def test_equal_turns_move_as_much_each_rolled_or_not() -> None:
    rolled, flat = by_op(tiny_text(k=2)), by_op(tiny_text(k=2), level="O0")
    for op in ("route", "sort", "gather", "run", "combine", "add"):
        assert rolled[op].weights == pytest.approx(flat[op].weights)
        assert rolled[op].per_token == pytest.approx(flat[op].per_token)
    one, three = by_op(tiny_text(steps=1))["run"], by_op(tiny_text(steps=3))["run"]
    assert three.per_token == pytest.approx(3 * one.per_token)


def test_a_module_without_parts_moves_nothing() -> None:
    assert moved((), D, FP32) == kept((), D, FP32) == scratch((), FP32) == 0

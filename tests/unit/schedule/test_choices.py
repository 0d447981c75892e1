"""What an instruction asks, who serves it, and how the choice falls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dnac.ir.form import form
from dnac.ir.graph import Graph, Origin
from dnac.passes.pipeline import optimize
from dnac.schedule import choices as choosing
from dnac.schedule.build import build_schedule
from dnac.schedule.candidates import CANDIDATES, predicted_ms, roofline_ms
from dnac.schedule.choices import Choices, choose, refused, unserved
from dnac.schedule.cost_table import Cost, CostTable, Key
from dnac.schedule.device import KNOWN, DeviceFacts
from dnac.schedule.questions import Asked, question, questions
from dnac.schedule.types import FP32, Types
from graphs import tiny_text
from random_graphs import random_graph

BF16 = Types("float32", "bfloat16", "float32")
H200, CPU = KNOWN["h200"], DeviceFacts("cpu", "cpu")


@pytest.fixture(autouse=True)
def grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_has_grouped", lambda: True)


@pytest.fixture
def all_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the lowering used every way of attending."""
    every = tuple(replace(c, lowerings=("grouped",)) for c in CANDIDATES["attention"])
    monkeypatch.setitem(CANDIDATES, "attention", every)


def wide(**router: object) -> Graph:
    """A net whose shapes every candidate serves: heads of 32."""
    graph = tiny_text(**router)  # type: ignore[arg-type]

    def widened(part):  # type: ignore[no-untyped-def]
        return replace(part, kind=part.kind.replace(width=64)) if part.name == "attention" else part

    modules = tuple(replace(m, parts=tuple(map(widened, m.parts))) for m in graph.modules)
    return replace(graph, modules=modules)


def asked_by(graph: Graph, sequences: int = 2, level: str = "O2") -> list[Asked]:
    lowered = optimize(graph, level)
    return questions(lowered, build_schedule(lowered), sequences)


def chosen(graph: Graph, device: DeviceFacts = H200, types: Types = BF16, table: CostTable | None = None) -> Choices:
    lowered = optimize(graph)
    return choose(lowered, build_schedule(lowered), device, types, table, 2)


def measured(graph: Graph, *times: tuple[str, str, float], types: Types = BF16) -> CostTable:
    """A table in which each (group, candidate, ms) holds for every shape."""
    entries = {
        Key(group, name, a.question.key, types.work): Cost(ms / 3, ms)
        for a in asked_by(graph)
        for group, name, ms in times
        if a.question.group == group
    }
    return CostTable(H200, entries)


# --- questions ------------------------------------------------------------------------------------


def test_a_schedule_asks_for_its_shapes() -> None:
    found = [(a.out, a.question.group, a.question.key, a.times) for a in asked_by(tiny_text(k=2))]
    heads = "heads=2 kv_heads=2 head_width=8 causal=1 window=0"
    rows = "rows=48 live=80 modules=4"
    layers = ("inner=16 outer=48", "inner=16 outer=16", "inner=16 outer=64", "inner=64 outer=16")
    assert found == [
        ("h1.increment", "dense_attention", f"sequences=2 tokens=12 {heads}", 1),
        *(("h1.increment", "dense_product", f"rows=24 {layer}", 1) for layer in layers),
        ("h2.order", "order", "rows=48 modules=4", 3),
        ("h2.run0", "attention", f"sequences=2 tokens=12 choices=2 live=80 modules=4 {heads}", 3),
        *(
            ("h2.run0", group, f"{uses}{rows} {layer}", 3)
            for layer in layers
            for group, uses in (("product", ""), ("weight_gradient", "uses=3 "))
        ),
        ("logits", "dense_product", "rows=24 inner=16 outer=256", 1),
    ]


def test_rolled_steps_ask_as_often_as_unrolled_ones() -> None:
    def times(level: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for a in asked_by(tiny_text(), level=level):
            found[a.question.key] = found.get(a.question.key, 0) + a.times
        return found

    assert times("O0") == times("O2")


# --- choices --------------------------------------------------------------------------------------


def test_on_a_cpu_the_portable_candidates_serve_and_the_others_say_why() -> None:
    found = chosen(tiny_text(), CPU, FP32)
    assert found.lowering == "portable"
    assert found.summary == {"attention": "mask", "product": "loop", "weight_gradient": "per_step", "order": "sort"}
    attention = next(c for c in found.each if c.group == "attention")
    assert attention.reason == "the only one that serves; not segments or flex or varlen: it needs a CUDA device"
    assert found.unmeasured == ()
    assert attention.predicted_ms is None


def test_without_measurements_the_rule_decides_and_says_so() -> None:
    found = chosen(wide())
    assert found.lowering == "grouped"
    assert found.summary == {"attention": "segments", "product": "tiles", "weight_gradient": "joined", "order": "count"}
    attention = next(c for c in found.each if c.group == "attention")
    assert attention.reason.startswith("by rule: it reads no key of another module; not measured")
    assert attention.measured_ms is None
    assert attention.predicted_ms is not None
    assert found.unmeasured == ("attention", "weight_gradient", "order")


@pytest.mark.usefixtures("all_used")
def test_the_measured_best_is_taken_and_the_others_are_named() -> None:
    times = {"segments": 3.0, "flex": 1.0, "varlen": 2.0, "mask": 9.0}
    table = measured(wide(), *(("attention", name, ms) for name, ms in times.items()))
    found = chosen(wide(), table=table)
    attention = next(c for c in found.each if c.group == "attention")
    assert found.summary["attention"] == attention.candidate == "flex"
    # three turns of 1 ms, against three of 3 ms and of 2 ms
    assert attention.reason.startswith("measured 3 ms, segments 9, varlen 6, mask 27")
    assert (attention.measured_ms, attention.measured_forward_ms) == (pytest.approx(3.0), pytest.approx(1.0))
    assert "attention" not in found.unmeasured


def test_a_fused_way_is_not_judged_by_what_it_takes_alone() -> None:
    table = measured(wide(), ("product", "tiles", 3.0), ("product", "aten", 1.0))
    found = next(c for c in chosen(wide(), table=table).each if c.group == "product")
    assert found.candidate == "tiles"
    assert found.reason.startswith("by rule: an mlp's norm and activation stay with its products")
    # four layers in three turns
    assert "by itself tiles 36 ms, aten 12 ms, which decides nothing" in found.reason
    assert found.measured_ms == pytest.approx(36.0)
    old = replace(H200, capability=(8, 0))
    assert chosen(wide(), device=old).summary["product"] == "aten"


def test_one_measurement_alone_decides_nothing() -> None:
    found = chosen(wide(), table=measured(wide(), ("attention", "varlen", 0.001)))
    assert found.summary["attention"] == "segments"
    assert next(c for c in found.each if c.group == "attention").reason.startswith("by rule")


def test_a_faster_way_that_the_lowering_does_not_use_is_named() -> None:
    table = measured(wide(), ("attention", "segments", 3.0), ("attention", "flex", 1.0), ("attention", "mask", 8.0))
    found = next(c for c in chosen(wide(), table=table).each if c.group == "attention")
    assert found.candidate == "segments"
    assert "measured 9 ms, mask 24" in found.reason
    assert "not flex: `grouped` does not use it (3 ms)" in found.reason


@pytest.mark.usefixtures("all_used")
def test_the_best_of_two_is_taken_and_the_third_said_to_be_unmeasured() -> None:
    table = measured(wide(), ("attention", "varlen", 1.0), ("attention", "flex", 2.0))
    found = chosen(wide(), table=table)
    assert found.summary["attention"] == "varlen"
    assert "segments was not measured" in next(c for c in found.each if c.group == "attention").reason
    assert "attention" in found.unmeasured


def test_a_weight_gradient_counts_once_for_all_uses_of_its_bank() -> None:
    table = measured(wide(), ("weight_gradient", "joined", 1.0), ("weight_gradient", "per_step", 2.0))
    gradient = next(c for c in chosen(wide(), table=table).each if c.group == "weight_gradient")
    assert (gradient.candidate, gradient.measured_ms) == ("joined", pytest.approx(4.0))


def test_measurements_in_another_type_do_not_count() -> None:
    table = measured(wide(), ("attention", "segments", 3.0), ("attention", "flex", 1.0), types=FP32)
    assert chosen(wide(), table=table).summary["attention"] == "segments"


def test_a_shape_in_the_way_is_named_with_its_line() -> None:
    graph = optimize(tiny_text())
    schedule = build_schedule(graph)
    schedule = replace(schedule, instructions=tuple(_with_origin(i) for i in schedule.instructions))
    found = choose(graph, schedule, H200, BF16, None, 2)
    attention = next(c for c in found.each if c.group == "attention")
    assert attention.candidate == "mask"
    assert "not segments or flex: it needs heads of width 32, 64 or 128, and these are 8 wide (x.dna:7:3)" in (
        attention.reason
    )


@pytest.mark.parametrize(
    ("asked", "name", "why"),
    [
        (question("attention", head_width=16, heads=2, kv_heads=2), "segments", "16 wide"),
        (question("attention", head_width=24, heads=2, kv_heads=2), "segments", "24 wide"),
        (question("attention", head_width=12, heads=2, kv_heads=2), "varlen", "8 divides"),
        (question("attention", head_width=16, heads=4, kv_heads=2), "varlen", "as many key heads"),
        (question("product", inner=20, outer=16), "aten", "8 divides, and this layer is 20 to 16"),
        (question("weight_gradient", uses=1, inner=16, outer=16), "joined", "used once"),
    ],
)
def test_who_cannot_serve_says_what_is_in_the_way(asked: object, name: str, why: str) -> None:
    entry = Asked("x", asked, 1)  # type: ignore[arg-type]
    candidate = next(c for c in CANDIDATES[entry.question.group] if c.name == name)
    assert why in candidate.why_not(entry, "bfloat16", H200)


def test_attention_that_sees_more_than_peers_has_one_way() -> None:
    found = chosen(wide(sees=form("everyone")))
    assert "attention" not in found.summary
    assert [(c.group, c.candidate) for c in found.each if "wide" in c.group] == [("wide_attention", "mask")]


def test_a_net_that_the_recommended_lowering_cannot_serve_says_where() -> None:
    asked = [
        Asked("h2.run0", question("product", rows=8, live=100, modules=2, inner=20, outer=16), 1, Origin("x", 7, 3))
    ]
    (found,) = unserved(asked, H200, BF16, "grouped")
    assert found.startswith("`grouped` cannot serve the product of h2.run0 (x:7:3): it needs sizes that 8 divides")
    assert unserved(asked, H200, BF16, "portable") == []


def test_a_wish_that_cannot_be_served_is_a_fault_with_its_place() -> None:
    graph = optimize(tiny_text())
    schedule = build_schedule(graph)
    places = tuple(replace(i, origin=Origin("x.dna", 7, 3)) for i in schedule.instructions)
    schedule = replace(schedule, instructions=tuple(_with_origin(i) for i in places))
    found = refused(graph, schedule, CPU, FP32, {"product": "aten", "attention": "mask"})
    assert [d.code for d in found] == ["DNA762"]
    assert "it needs a CUDA device" in found[0].message
    assert found[0].notes == ("asked for at x.dna:7:3",)
    assert [d.code for d in refused(graph, schedule, CPU, FP32, {"attention": "flux"})] == ["DNA762"]
    assert [d.code for d in refused(graph, schedule, CPU, FP32, {"attentoin": "flex"})] == ["DNA762"]
    graph, schedule = optimize(wide()), build_schedule(optimize(wide()))
    assert refused(graph, schedule, H200, BF16, {"attention": "flex"}) == []
    (found,) = refused(graph, schedule, H200, BF16, {"attention": "flex"}, "grouped")
    assert "`grouped` does not use it" in found.message


def _with_origin(i):  # type: ignore[no-untyped-def]
    body = getattr(i, "body", None)
    return replace(i, body=tuple(replace(b, origin=Origin("x.dna", 7, 3)) for b in body)) if body else i


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("device", [H200, CPU], ids=str)
def test_every_question_of_a_random_net_has_one_answer(seed: int, device: DeviceFacts) -> None:
    graph = optimize(random_graph(seed))
    schedule = build_schedule(graph)
    found = choose(graph, schedule, device, BF16, None, 2)
    wanted = {(a.out, a.question.group) for a in questions(graph, schedule, 2)}
    assert {(c.out, c.group) for c in found.each} == wanted
    assert len(found.each) == len(wanted)
    assert all(c.reason for c in found.each)


# --- predictions ----------------------------------------------------------------------------------


def test_a_roofline_is_the_longer_of_computing_and_moving() -> None:
    device = DeviceFacts("cuda", "x", ceiling={"float32": 1e12, "bytes": 1e11})
    assert roofline_ms(2e9, 1e7, "float32", device) == pytest.approx(2.0)
    assert roofline_ms(2e9, 1e9, "float32", device) == pytest.approx(10.0)
    assert roofline_ms(2e9, 1e7, "bfloat16", device) is None
    assert H200.rate("bfloat16") == pytest.approx(0.75 * 989e12)


def test_the_prediction_of_a_product_by_hand() -> None:
    device = DeviceFacts("cuda", "x", ceiling={"float32": 1e6, "bytes": 1e12})
    aten, loop = CANDIDATES["product"][-2:]
    q = question("product", rows=100, live=50, modules=4, inner=10, outer=20)
    assert aten.flops(q, 4) == 2 * 50 * 10 * 20
    assert loop.bytes(q, 4) == 4 * (50 * 30 + 4 * 200)
    assert predicted_ms(aten, q, "float32", device) == pytest.approx(1e3 * 20000 / (0.9 * 1e6))

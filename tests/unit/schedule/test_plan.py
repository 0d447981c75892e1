"""The plan as JSON and as text: what a reader and a program can rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import golden
from dnac import driver
from dnac.schedule import choices
from dnac.schedule.device import KNOWN
from dnac.schedule.outlook import outlook
from dnac.schedule.plan import plan, render_plan
from dnac.schedule.quantities import Quantities
from dnac.semantics.asserts import QUANTITIES
from dnac.semantics.result import CheckedNet, Verdict
from graphs import tiny_text

SPECS = Path(__file__).parents[3] / "specs"
NET = CheckedNet("tiny", tiny_text(), None, {"train": Verdict(True, True), "generate": Verdict(False, True)})


def test_the_json_has_the_documented_fields() -> None:
    found = plan(NET)
    assert list(found) == [
        "version", "params", "flops_per_token", "routing_steps", "modules", "paths", "budgets", "causal",
        "row_independent", "memory_bytes", "device", "batch", "predicted_ms", "choices", "schedule",
    ]  # fmt: skip
    assert list(found["params"]) == ["total", "active_min", "active_expected", "active_max"]
    assert list(found["flops_per_token"]) == ["min", "expected", "max"]
    assert found["version"] == 1
    assert json.loads(json.dumps(found)) == found


def test_a_fact_holds_for_the_net_if_it_holds_for_every_program() -> None:
    assert plan(NET)["causal"] is False
    assert plan(NET)["row_independent"] is True


def test_the_plan_of_a_small_net_as_json() -> None:
    golden.check("plan/tiny_text.json", json.dumps(plan(NET), indent=2) + "\n")


def test_the_plan_of_a_small_net_reads_at_a_glance() -> None:
    golden.check("plan/tiny_text.txt", render_plan(NET))


def test_the_plan_of_a_paper_net_reads_at_a_glance() -> None:
    golden.check("plan/dna_vision_top2_skip.txt", render_plan(driver.load(SPECS / "dna_vision_top2_skip.dna").net))


def test_the_plan_of_a_paper_net_on_a_known_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_has_grouped", lambda: True)
    net = driver.load(SPECS / "dna_lm_top2_skip.dna", net="dna_lm_top2_skip").net
    golden.check(
        "plan/dna_lm_on_h200.txt",
        render_plan(net, view=outlook(net, device=KNOWN["h200"], sequences=32, precision="bf16")),
    )


def test_every_quantity_that_can_be_asserted_is_computed() -> None:
    made, known = plan(NET), Quantities(NET)
    assert known["params"] == known["params.total"] == made["params"]["total"]
    for name in set(QUANTITIES) - {"params", "paths"}:
        group, _, case = name.partition(".")
        assert known[name] == (made[group][case] if case else made[group]), name
    assert str(known["paths"]) == str(made["paths"])
    with pytest.raises(KeyError):
        known["flops"]


def test_memory_follows_the_precision_of_the_train_block(tmp_path: Path) -> None:
    def bytes_of(precision: str) -> dict[str, int]:
        path = tmp_path / f"{precision}.dna"
        path.write_text(SMALL.replace("PRECISION", precision))
        return driver.load(path).plan()["memory_bytes"]

    single, double, half = bytes_of("fp32"), bytes_of("fp64"), bytes_of("bf16")
    assert double["parameters"] == 2 * single["parameters"] == 2 * half["parameters"]
    assert single["optimizer"] == 2 * single["parameters"] == 2 * single["gradients"]
    # the stream and the loss stay in float32, and the weights have copies in bfloat16
    assert (
        single["activations_per_sequence"] / 2 < half["activations_per_sequence"] < single["activations_per_sequence"]
    )
    assert half["working_copies"] * 2 == half["parameters"]
    assert single["router_biases"] == single["working_copies"] == 0


SMALL = """dna 1
net small {
  input text(context = 8, vocabulary = 256)
  embed tokens(16, positions = none)
  transformer(heads = 2)
  head lm = unembed(tied = false)
}
train small {
  data = stdlib_text(split = train); valid = stdlib_text(split = valid)
  batch = sequences(4); length = steps(2); lr = 1e-3; precision = PRECISION
}
"""

"""Measuring candidates: what runs is what was asked, once; the second time nothing is left to measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dnac.cli.main import main
from dnac.lowering import candidates
from dnac.lowering import tune as tuning
from dnac.lowering.attention import written_out
from dnac.lowering.candidates import MAKERS, Bench, NotHere, Trial
from dnac.lowering.tune import advise, median_ms, present, times, tune
from dnac.schedule.candidates import CANDIDATES
from dnac.schedule.cost_table import load
from dnac.schedule.questions import Question, question
from dnac.schedule.types import FP32, Types
from graphs import tiny_text

CPU = torch.device("cpu")
ATTENTION = {
    "sequences": 2, "tokens": 96, "choices": 2, "live": 70, "modules": 3, "heads": 4, "kv_heads": 2, "head_width": 16,
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNAC_COSTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every program that is timed, which then takes a millisecond each."""
    seen: list[object] = []

    def counted(run: Callable[[], object], device: torch.device) -> float:
        run()
        seen.append(run)
        return 1.0

    monkeypatch.setattr(tuning, "median_ms", counted)
    return seen


def bench(q: Question) -> Bench:
    torch.manual_seed(0)
    return Bench(q, CPU, torch.float32)


def test_every_candidate_has_a_maker() -> None:
    assert set(MAKERS) == {(group, c.name) for group, found in CANDIDATES.items() for c in found}


def test_a_second_run_measures_nothing(measured: list[object]) -> None:
    first = tune(tiny_text(), CPU, FP32, 2)
    assert len(first.measured) == 16
    assert first.known == 0
    assert {key.group for key, _ in first.measured} == {
        "attention", "product", "weight_gradient", "order", "dense_attention", "dense_product",
    }  # fmt: skip
    assert first.choices.summary == {
        "attention": "mask", "product": "loop", "weight_gradient": "per_step", "order": "sort",
    }  # fmt: skip
    measured.clear()
    second = tune(tiny_text(), CPU, FP32, 2)
    assert (second.measured, second.known, measured) == ((), 16, [])
    assert second.table.entries == first.table.entries == load(present(CPU))[0].entries
    assert second.table.device.ceiling.keys() == {"float32", "bytes"}


def test_another_shape_is_measured_beside_what_is_known(measured: list[object]) -> None:
    tune(tiny_text(), CPU, FP32, 2)
    more = tune(tiny_text(blocks=2), CPU, FP32, 2)
    # the dense transformer and the head ask the same as before
    assert more.known == 6
    assert len(more.measured) == 10


def test_what_another_process_measured_meanwhile_stays(measured: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    real = candidates.by_sort

    def slow(where: Bench) -> Trial:
        monkeypatch.setitem(MAKERS, ("order", "sort"), real)
        tune(tiny_text(blocks=2), CPU, FP32, 2)
        return real(where)

    monkeypatch.setitem(MAKERS, ("order", "sort"), slow)
    tune(tiny_text(), CPU, FP32, 2)
    assert len(load(present(CPU))[0].entries) == 26


def test_times_of_another_torch_are_measured_again(measured: list[object]) -> None:
    table = tune(tiny_text(), CPU, FP32, 2).table
    key = next(iter(table.entries))
    table.entries[key] = table.entries[key]._replace(torch="1.0")
    table.save()
    again = tune(tiny_text(), CPU, FP32, 2)
    assert [k for k, _ in again.measured] == [key]


def test_who_does_not_serve_is_named_with_the_reason(measured: list[object]) -> None:
    skipped = {(group, name): reason for group, name, reason in tune(tiny_text(), CPU, FP32, 2).skipped}
    assert skipped["attention", "flex"] == "it needs a CUDA device"
    assert ("attention", "mask") not in skipped


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (RuntimeError("no kernel image\nmore"), "it failed: no kernel image"),
        (NotHere("this build has none"), "this build has none"),
        (torch.OutOfMemoryError("CUDA out of memory"), "it does not fit on the device"),
    ],
)
def test_a_candidate_that_fails_is_left_aside_and_the_others_are_kept(
    measured: list[object], monkeypatch: pytest.MonkeyPatch, fault: Exception, reason: str
) -> None:
    def broken(_: Bench) -> Trial:
        raise fault

    monkeypatch.setitem(MAKERS, ("order", "sort"), broken)
    found = tune(tiny_text(), CPU, FP32, 2)
    assert [(g, n) for g, n, r in found.skipped if r.startswith(reason)] == [("order", "sort")]
    assert len(found.measured) == 15
    assert len(load(present(CPU))[0].entries) == 15


def test_where_there_is_nothing_to_choose_a_compile_measures_nothing(measured: list[object], folder: Path) -> None:
    found = tune(tiny_text(), CPU, FP32, 2, contested=True)
    assert (found.measured, found.known, measured) == ((), 0, [])
    assert list(folder.iterdir()) == []


def test_where_there_is_a_choice_a_compile_measures_it(measured: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    twice = (*CANDIDATES["order"], replace(CANDIDATES["order"][-1], name="count"))
    monkeypatch.setitem(CANDIDATES, "order", twice)
    monkeypatch.setitem(MAKERS, ("order", "count"), candidates.by_sort)
    found = tune(tiny_text(), CPU, FP32, 2, contested=True)
    assert [(key.group, key.candidate) for key, _ in found.measured] == [("order", "sort"), ("order", "count")]
    reason = next(c.reason for c in found.choices.each if c.group == "order")
    assert reason.startswith("measured")
    assert advise(tiny_text(), CPU, FP32, 2) == found.choices


def test_half_precision_is_measured_under_its_own_name(measured: list[object]) -> None:
    found = tune(tiny_text(), CPU, Types("float32", "bfloat16", "float32"), 2)
    assert {key.dtype for key, _ in found.measured} == {"bfloat16"}


def test_a_table_that_cannot_be_written_is_a_note(measured: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(tuning.CostTable, "save", full)
    found = tune(tiny_text(), CPU, FP32, 2)
    assert len(found.measured) == 16
    assert found.note is not None
    assert (found.note.code, found.path) == ("DNA761", None)
    assert "cannot be written (no space left on device)" in found.note.message


# --- times ----------------------------------------------------------------------------------------


def test_the_median_of_ten_runs_after_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([t for n in range(13) for t in (100.0 * n, 100.0 * n + (0.5 if n < 3 else n / 1e3))])
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: next(clock))
    runs: list[int] = []
    found = median_ms(lambda: runs.append(1), CPU)
    assert len(runs) == 13
    assert found == pytest.approx(7.5)  # of 3 to 12 ms; the three first ones do not count


def test_a_long_run_is_measured_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([t for n in range(4) for t in (100.0 * n, 100.0 * n + 2.0 + n)])
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: next(clock))
    assert median_ms(lambda: None, CPU) == pytest.approx(4000.0)


def test_a_backward_pass_is_part_of_training_times(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[bool] = []

    def run(x: torch.Tensor) -> torch.Tensor:
        modes.append(torch.is_grad_enabled())
        return x * 2

    monkeypatch.setattr(tuning, "median_ms", lambda run, device: run() is None or 1.0)
    times(Trial(run, (torch.ones(3, requires_grad=True),)), CPU)
    assert modes == [False, False, True]


# --- what the candidates compute ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("window", [0, 20])
def test_attention_candidates_compute_the_same(causal: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    where = bench(question("attention", **ATTENTION, causal=causal, window=window))
    masked = candidates.mask(where)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    flexed = candidates.flex(where)
    live = where.rows.live
    assert 0 < int(live.sum()) < len(live)
    inputs = [x.detach() for x in masked.inputs]
    want, got = masked.run(*inputs), flexed.run(*inputs)
    torch.testing.assert_close(got[live], want[live], atol=1e-5, rtol=1e-4)
    key, at = where.key, where.rows.order // 2 % 96
    gap = at[:, None] - at[None, :]
    seen = (
        (key[:, None] == key[None, :]) & ((gap >= 0) if causal else True) & ((gap.abs() < window) if window else True)
    )
    plain = written_out(*(x[None] for x in inputs), seen[None])[0]
    torch.testing.assert_close(got[live], plain[live], atol=1e-5, rtol=1e-4)


def test_the_block_mask_holds_every_pair_that_sees_each_other() -> None:
    from torch.nn.attention.flex_attention import BlockMask

    where = bench(question("attention", **{**ATTENTION, "tokens": 300, "sequences": 3}, causal=1, window=0))
    key = where.key
    blocks = candidates._block_mask(BlockMask, key, lambda b, h, i, j: key[i] == key[j])
    count = -(-len(key) // 128)
    number, places = blocks.kv_num_blocks[0, 0], blocks.kv_indices[0, 0]
    held = {(i, int(places[i, n])) for i in range(count) for n in range(int(number[i]))}
    live = int(where.rows.live.sum())
    i, j = torch.where(key[:live, None] == key[None, :live])
    assert set(zip((i // 128).tolist(), (j // 128).tolist(), strict=True)) <= held
    assert len(held) < count * count / 2


def test_a_product_gives_each_row_its_own_modules_weight() -> None:
    where = bench(question("product", rows=50, live=60, modules=3, inner=4, outer=5))
    trial = candidates.loop(where)
    (x,) = trial.inputs
    made = trial.run(x)
    assert made.shape == (50, 5)
    assert bool((made[~where.rows.live] == 0).all())
    grads = torch.autograd.grad(made.sum(), x)
    assert grads[0].shape == x.shape


def test_a_weight_gradient_is_summed_over_its_uses() -> None:
    q = question("weight_gradient", uses=3, rows=50, live=60, modules=3, inner=4, outer=5)
    where = bench(q)
    trial = candidates.per_step(where)
    once = candidates.gmm_w(*trial.inputs, where.rows.ends)
    torch.testing.assert_close(trial.run(*trial.inputs), 3 * once)
    assert not trial.has_backward


def test_dense_candidates_have_the_shapes_asked_for() -> None:
    heads = {"heads": 4, "kv_heads": 2, "head_width": 8}
    for window in (0, 3):
        trial = candidates.sdpa(
            bench(question("dense_attention", sequences=2, tokens=6, **heads, causal=1, window=window))
        )
        assert trial.run(*trial.inputs).shape == (2, 6, 4, 8)
    trial = candidates.linear(bench(question("dense_product", rows=7, inner=4, outer=5)))
    assert trial.run(*trial.inputs).shape == (7, 5)
    trial = candidates.by_sort(bench(question("order", rows=12, modules=3)))
    assert sorted(trial.run().tolist()) == list(range(12))


def test_rows_are_live_in_the_share_that_was_asked_for() -> None:
    rows = bench(question("product", rows=20000, live=75, modules=4, inner=4, outer=4)).rows
    assert int(rows.live.sum()) == pytest.approx(15000, rel=0.02)
    sizes = torch.diff(rows.ends, prepend=rows.ends.new_zeros(1))
    assert all(abs(int(size) - 3750) < 300 for size in sizes)


# --- the command ----------------------------------------------------------------------------------

FILE = """dna 1
net small {
  input text(context = 6, vocabulary = 32)
  embed tokens(8, positions = none)
  pool nodes { block[2] = transformer(heads = 2); skip = identity() }
  repeat 2 { hop: route nodes by { choose = top(1); weight = raw; balance = [] } }
  head lm = unembed(tied = false)
}
"""


def test_the_command_fills_the_table_and_the_plan_shows_it(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.dna"
    path.write_text(FILE)
    assert main(["tune", str(path), "--device", "cpu", "--batch", "3"]) == 0
    shown = capsys.readouterr()
    assert "small on cpu, 3 sequences: 11 measured, 0 known before" in shown.out
    assert "not measured: attention flex: it needs a CUDA device" in shown.out
    assert "will run: portable: " in shown.out
    assert f"kept in {folder / 'costs-cpu.json'}" in shown.out
    assert main(["tune", str(path), "--device", "cpu", "--batch", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["measured"], found["known"]) == (1, [], 11)
    assert found["choices"]["attention"] == "mask"
    assert main(["plan", str(path), "--batch", "3", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    runs = next(entry for entry in plan["schedule"] if entry["op"] == "run")
    assert runs["ms"]["measured_training"] > 0
    assert plan["device"]["is_measured"] is True
    assert plan["predicted_ms"]["step"] > 0
    assert main(["plan", str(path), "--batch", "3"]) == 0
    assert " ms in attention, products and orders" in capsys.readouterr().out


def test_wrong_use_of_tune_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.dna"
    path.write_text(FILE)
    assert main(["tune", str(path), "--batch", "0"]) == 2
    assert "--batch must be 1 or more" in capsys.readouterr().err

"""Turns, pairs, warm-up and results, on programs whose speed is made up."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import benching
from benching import DNA
from dnac import catalogue
from dnac.bench import bench as whole
from dnac.bench import measure, ours
from dnac.bench.base import Baseline, NoBaseline, Program
from dnac.bench.bench import Wanted, bench, compiled
from dnac.bench.measure import Case, Load, Runner, interleave, warm_up

TAPPED = """dna 1
net tapped {
  input text(context = 8, vocabulary = 11)
  embed tokens(16, positions = learned)
  head lm = unembed(tied = true)
  repeat 2 { transformer(heads = 2); tap lm(loss = 0.25) }
}
"""


@dataclass
class Machine:
    """A clock that only moves when a program steps."""

    now: float = 0.0
    ran: list[str] = field(default_factory=list[str])

    def mark(self) -> float:
        return self.now

    def between(self, marks: list[float]) -> list[float]:
        return [b - a for a, b in pairwise(marks)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(measure, "clock_of", lambda device: made)
    return made


def case(machine: Machine, name: str, ms: float, load: Load | None = None) -> Case:
    """A program that takes `ms` for a step."""
    module = nn.Linear(1, 1)

    def loss(inputs: torch.Tensor, targets: torch.Tensor, routes: Any) -> torch.Tensor:
        machine.now += ms
        machine.ran.append(name)
        return module(torch.ones(1)).sum()

    runner = Runner.of(Program(name, module, loss))
    return Case(name, runner, benching.task(DNA), load or Load(None))


def test_cases_take_turns_in_an_order_that_rotates(machine: Machine):
    cases = [case(machine, name, ms) for name, ms in (("a", 3), ("b", 5))]
    interleave(cases, steps=4, in_turn=2, lead=1)
    assert "".join(machine.ran) == "aaabbb" + "bbbaaa"
    assert [c.turns for c in cases] == [[[3, 3], [3, 3]], [[5, 5], [5, 5]]]
    assert (cases[1].ms, cases[1].means) == ([5, 5, 5, 5], [5, 5])


def test_a_lead_is_not_timed(machine: Machine):
    (only,) = cases = [case(machine, "a", 3)]
    interleave(cases, steps=3, in_turn=1, lead=2)
    assert len(machine.ran) == 9
    assert only.ms == [3, 3, 3]


def test_a_slow_case_stops_after_three_turns(machine: Machine):
    slow, fast = cases = [case(machine, "slow", 100), case(machine, "fast", 1)]
    interleave(cases, steps=20, in_turn=1, lead=0, slow_ms=50)
    assert (len(slow.ms), len(fast.ms)) == (3, 20)


def test_a_long_step_needs_no_lead_after_its_first_turn(machine: Machine):
    (only,) = cases = [case(machine, "a", measure.LONG_MS + 1)]
    interleave(cases, steps=3, in_turn=1, lead=1)
    assert len(machine.ran) == 2 + 1 + 1
    assert len(only.ms) == 3


def test_what_compiles_at_its_first_step_says_how_long(monkeypatch: pytest.MonkeyPatch):
    clock = Machine()
    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock.now)
    one = case(clock, "a", 2.0)
    first = one.runner.program.loss

    def compiling(*given: Any) -> torch.Tensor:
        if not clock.ran:
            clock.now += 40
        return first(*given)

    one.runner.program.loss = compiling
    warm_up([one], lambda text: None)
    assert one.first_seconds == 40


def test_memory_of_a_recorded_program_is_not_measured_by_a_step_that_allocates_nothing(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
):
    monkeypatch.setattr(measure, "Peak", lambda device: nullcontext(SimpleNamespace(bytes=5)))
    plain, recorded = case(machine, "plain", 1), case(machine, "recorded", 1)
    recorded.task = replace(recorded.task, cuda_graphs=True)
    warm_up([plain, recorded], lambda text: None)
    assert plain.peak_bytes == 5 + plain.runner.held() and recorded.peak_bytes is None


def test_a_learning_case_trains_before_others_are_measured():
    machine = Machine()
    one = case(machine, "a", 1.0, Load("learned"))
    one.trained = 7
    warm_up([one], lambda text: None, after=0)
    assert len(machine.ran) == 1 + 1 + 7 + 1  # first, second, training, memory


def test_a_step_updates_weights_and_leaves_no_gradient():
    one = case(Machine(), "a", 1.0)
    module = one.runner.program.module
    before = [p.detach().clone() for p in module.parameters()]
    one.runner.step(*one.draw())
    assert all(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert all(p.grad is None for p in module.parameters())
    assert one.runner.held() == sum(p.nbytes for p in module.parameters()) * 3 + 2 * 4  # two step counters


def test_routes_are_drawn_anew_each_step_and_learned_ones_are_the_routers_own():
    one = case(Machine(), "a", 1.0, Load("uniform", 0.25))
    first, second = one.draw()[1], one.draw()[1]
    assert first is not None
    assert second is not None
    assert not torch.equal(first[0], second[0])
    assert case(Machine(), "b", 1.0, Load("learned")).draw()[1] is None
    assert case(Machine(), "c", 1.0).draw()[1] is None


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """A real one, uncompiled, on the CPU."""
    wanted = Wanted(("dense", "floor", "naive"), ("uniform", "learned"), (0.25,), steps=2, learn=2)
    return bench([benching.task(DNA)], wanted)[0]


def test_every_program_is_there_and_the_nets_own_are_held_against_the_others(result: dict[str, Any]):
    names = [c["name"] for c in result["cases"]]
    assert names == ["dnac learned", "dnac uniform", "dnac uniform skip 25%", "dense", "floor", "naive"]
    assert result["notes"] == []
    for each in result["cases"]:
        assert set(each["against"]) == ({"dense", "floor", "naive"} if each["program"] == "dnac" else set())
        assert each["ms"]["median"] > 0
        assert each["tokens_per_s"] == pytest.approx(36 / each["ms"]["median"] * 1e3)
        assert each["tflops"] == pytest.approx(each["flops_per_step"] / each["ms"]["median"] / 1e9)


def test_flops_of_dense_floor_and_the_net_are_those_of_their_formulas(result: dict[str, Any]):
    flops = {c["name"]: c["flops_per_step"] for c in result["cases"]}
    D, T, V, B = 16, 12, 40, 3
    block = T * 24 * D * D + 4 * D * T * (T + 1) / 2
    assert flops["floor"] == 3 * B * T * 2 * D * V
    assert flops["dense"] == flops["floor"] + 3 * B * 7 * block
    assert flops["dnac uniform skip 25%"] < flops["dnac uniform"] < flops["dense"] + 3 * B * T * 3 * 2 * D * 5
    assert flops["naive"] == pytest.approx(flops["dnac uniform"], rel=0.05)


def test_surplus_parameters_are_those_of_modules_that_dense_has_not(result: dict[str, Any]):
    # one block and three modules against seven blocks, and three routers of five candidates
    block = 12 * 16 * 16 + 2 * 16
    assert result["surplus_params"] == max(3 * 16 * 5 + (1 + 3 - 7) * block, 0)
    many = bench([benching.task(DNA.replace("block[3]", "block[9]"))], Wanted(("dense",), steps=1, in_turn=1))[0]
    assert many["surplus_params"] == 3 * 16 * 11 + (1 + 9 - 7) * block


def test_ratio_saving_and_memory_are_taken_from_the_right_cases(monkeypatch: pytest.MonkeyPatch):
    run = whole._Bench(benching.task(DNA), Wanted())
    machine = Machine()
    loads = {"dnac uniform": Load("uniform"), "dnac uniform skip 25%": Load("uniform", 0.25)}
    times = {"dnac uniform": 100.0, "dnac uniform skip 25%": 84.0, "dense": 80.0, "floor": 20.0}
    for name, ms in times.items():
        one = case(machine, name, ms, loads.get(name))
        one.runner.program.name = name.split()[0]
        one.turns, one.peak_bytes = [[ms, ms]], 1000 if name == "dense" else 1500
        run.cases.append(one)
    run.flops = {name: 2e9 for name in times} | {"dense": 4e9}
    full, skipping = (whole._case(run, c, 1.0, 2.0, 10) for c in run.cases[:2])
    assert full["against"]["dense"]["time"]["median"] == 0.8
    assert full["against"]["dense"]["per_flop"] == 0.4
    assert full["against"]["dense"]["memory"] == 1.5
    assert full["against"]["dense"]["memory_without_surplus"] == (1500 - 3 * 10 * 4) / 1000
    assert full["tflops"] == 2e9 / 100 / 1e9
    assert (full["of_peak"], full["of_gemm"]) == (0.02, 0.01)
    assert full["saving"] is None
    assert skipping["saving"] == (100 - 84) / (0.25 * (100 - 20))


def test_a_missing_baseline_is_a_note_and_the_others_are_measured(monkeypatch: pytest.MonkeyPatch):
    def build(task: Any) -> Program:
        raise NoBaseline("there is no such thing")

    real = catalogue.get
    absent = Baseline("dense", "", build)
    monkeypatch.setattr(catalogue, "get", lambda c, n: absent if (c, n) == ("baseline", "dense") else real(c, n))
    found = bench([benching.task(DNA)], Wanted(("dense", "floor"), steps=1, in_turn=1))[0]
    assert found["notes"] == ["no baseline `dense`: there is no such thing"]
    assert [c["name"] for c in found["cases"]] == ["dnac uniform", "floor"]
    assert found["surplus_params"] is None


def test_a_loss_that_is_not_a_number_is_a_note(monkeypatch: pytest.MonkeyPatch):
    one = case(Machine(), "a", 1.0)
    one.turns, one.loss = [[1.0]], float("nan")
    run = whole._Bench(one.task, Wanted(), cases=[one], flops={"a": 1.0})
    found = whole._result(run, 1.0)
    assert found["notes"] == ["a: the loss is not a finite number"]
    assert found["cases"][0]["loss"] is None


def test_a_share_that_cannot_skip_is_a_note():
    text = DNA.replace("skip[2] = identity()", "more = transformer(heads = 2, norm = rms)")
    found = bench([benching.task(text)], Wanted((), skips=(0.5,), steps=1, in_turn=1))[0]
    assert found["notes"] == ["50% of the choices cannot skip: too few identities in a pool"]


def test_a_net_whose_choices_are_fixed_is_measured_once_and_costs_what_dense_costs():
    fixed = "choose = fixed(1); weight = one; frozen = true;"
    text = DNA.replace("choose = top(k); weight = raw;", fixed).replace("param k = 2\n", "")
    found = bench([benching.task(text)], Wanted(("dense",), ("uniform", "zipf"), steps=1, in_turn=1))[0]
    assert [c["name"] for c in found["cases"]] == ["dnac", "dense"]
    assert found["cases"][0]["flops_per_step"] == found["cases"][1]["flops_per_step"]


def test_several_nets_take_turns_with_one_another(monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    turn = measure._turn
    monkeypatch.setattr(measure, "_turn", lambda c, *rest: (seen.append(c.task.graph.name), turn(c, *rest))[1])
    tasks = [benching.task(DNA), benching.task(benching.GPT)]
    found = bench(tasks, Wanted((), steps=2, in_turn=1))
    assert [net["net"] for net in found] == ["routed", "gpt"]
    assert seen == ["routed", "gpt", "gpt", "routed"]


def test_the_caller_learns_when_all_is_ready_and_when_all_is_done():
    told: list[str] = []
    bench([benching.task(DNA)], Wanted((), steps=1), told.append, lambda: told.append("ready"),
          lambda cases: told.append(f"done with {len(cases)}"))  # fmt: skip
    assert told == [
        "building the net", "warming up dnac uniform", "ready", "measuring 1 programs in turn", "done with 1",
    ]  # fmt: skip


def test_losses_and_the_kernel_of_attention_are_reported(result: dict[str, Any]):
    for each in result["cases"]:
        assert each["loss"] == pytest.approx(torch.tensor(40.0).log().item(), abs=0.3)
    assert {c["name"]: c["facts"] for c in result["cases"]}["dense"]["attention"] in ("flash_attention", "math")


def test_warming_caches_measures_nothing_but_compiling():
    found = compiled(benching.task(DNA), Wanted(("floor",)))
    assert [c["name"] for c in found["cases"]] == ["dnac uniform", "floor"]
    assert all(set(c) == {"name", "compile_seconds"} for c in found["cases"])


@pytest.mark.parametrize("name", catalogue.names("baseline"))
def test_the_constant_has_the_files_name(name: str):
    baseline = catalogue.get("baseline", name)
    assert baseline.name == name
    assert baseline.summary
    assert isinstance(baseline, Baseline)


@pytest.mark.slow
@pytest.mark.compiles
def test_compiled_programs_give_the_losses_of_uncompiled_ones():
    task = benching.task(DNA.replace("repeat 3", "repeat 1"), "k=1")
    inputs, targets = benching.inputs_of(task)
    routes = (torch.randint(5, (3, 12, 1)),)
    build = {"dnac": whole.ours.program, "dense": catalogue.get("baseline", "dense").build}
    for name, make in build.items():
        eager, fast = (make(each) for each in (task, replace(task, compile=True)))
        losses = [program.loss(inputs, targets, routes) for program in (eager, fast)]
        torch.testing.assert_close(losses[0], losses[1], msg=lambda m, n=name: f"{n}: {m}")
        losses[1].backward()


def test_a_step_computes_the_losses_of_taps_too():
    tapped = benching.task(TAPPED)
    program = ours.program(tapped)
    inputs = torch.arange(16).reshape(2, 8) % 11
    loss = program.loss(inputs, inputs, None)
    output = program.module(inputs)
    parts = [
        torch.nn.functional.cross_entropy(x.logits.flatten(0, 1), inputs.flatten()) for x in (output, *output.taps)
    ]
    assert len(parts) == 3
    torch.testing.assert_close(loss, parts[0] + 0.25 * (parts[1] + parts[2]))

"""`bench(...)`: one net under several loads beside its baselines, as one JSON object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import torch

from dnac import catalogue
from dnac.bench import device as machine
from dnac.bench import ours
from dnac.bench.base import Baseline, NoBaseline, Task
from dnac.bench.flops import TRAIN, Counter, mean
from dnac.bench.measure import Case, Load, Runner, Tell, interleave, warm_up
from dnac.bench.routes import may_skip, steps_of
from dnac.bench.statistics import ratios, saving, spread

SAMPLES = 3
"""Draws of choices over which FLOPs are averaged."""


@dataclass(frozen=True)
class Wanted:
    """What to measure of one net."""

    against: tuple[str, ...] = ("dense",)
    loads: tuple[str, ...] = ("uniform",)
    skips: tuple[float, ...] = ()
    steps: int = 20
    in_turn: int = 2
    lead: int = 1
    learn: int = 0
    """Train steps before `learned` is measured."""
    gemm: float | None = None
    """TFLOP/s of a large product, if it is known already."""


@dataclass
class _Bench:
    task: Task
    wanted: Wanted
    notes: list[str] = field(default_factory=list[str])
    cases: list[Case] = field(default_factory=list[Case])
    flops: dict[str, float] = field(default_factory=dict[str, float])


def bench(
    tasks: Sequence[Task],
    wanted: Wanted,
    tell: Tell = lambda text: None,
    ready: Callable[[], None] = lambda: None,
    keep: Callable[[list[Case]], None] = lambda cases: None,
) -> list[dict[str, Any]]:
    """Build, warm up and measure all tasks beside one another; one result for each.

    `ready` is called when all that is left is to measure, and `keep` with all cases when that is done.

    Raises:
        Faults: a lowering does not serve its device, type or graph.
    """
    runs = [_built(task, wanted, tell) for task in tasks]
    cases = [case for run in runs for case in run.cases]
    warm_up(cases, tell)
    for run in runs:
        for case in run.cases:
            run.flops[case.name] = TRAIN * _forward_flops(case)
    ready()
    tell(f"measuring {len(cases)} programs in turn")
    interleave(cases, steps=wanted.steps, in_turn=wanted.in_turn, lead=wanted.lead)
    gemm = wanted.gemm or machine.gemm_tflops(tasks[0].device, tasks[0].types.compute)
    keep(cases)
    return [_result(run, gemm) for run in runs]


def compiled(task: Task, wanted: Wanted, tell: Tell = lambda text: None) -> dict[str, Any]:
    """Build and compile only: seconds by case. It fills the caches of compiled code for `bench`.

    Raises:
        Faults: as `bench`.
    """
    run = _built(task, replace(wanted, learn=0), tell)
    warm_up(run.cases, tell, after=0)
    return {"cases": [{"name": case.name, "compile_seconds": case.first_seconds} for case in run.cases]}


def _built(task: Task, wanted: Wanted, tell: Tell) -> _Bench:
    run = _Bench(task, wanted)
    _add_ours(run, tell)
    for name in wanted.against:
        _add_baseline(run, catalogue.get("baseline", name), tell)
    return run


def _add_ours(run: _Bench, tell: Tell) -> None:
    tell("building the net")
    program = ours.program(run.task)
    run.notes += program.notes
    runner = Runner.of(program)
    for load in _loads(run):
        name = f"dnac {load.name}" if load.kind else "dnac"
        run.cases.append(Case(name, runner, run.task, load, run.wanted.learn if load.kind == "learned" else 0))


def _loads(run: _Bench) -> list[Load]:
    steps = steps_of(run.task.graph)
    if all(step.is_fixed for step in steps):
        return [Load(None)]
    # training first: what is measured then has the weights that it left
    kinds = sorted(run.wanted.loads, key=lambda kind: kind != "learned")
    found = [Load(kind) for kind in kinds]
    for share in run.wanted.skips:
        if may_skip(steps, share):
            found += [Load(kind, share) for kind in kinds if kind != "learned"]
        else:
            run.notes.append(f"{share:.0%} of the choices cannot skip: too few identities in a pool")
    return found


def _add_baseline(run: _Bench, baseline: Baseline, tell: Tell) -> None:
    tell(f"building {baseline.name}")
    try:
        program = baseline.build(run.task)
    except NoBaseline as missing:
        run.notes.append(f"no baseline `{baseline.name}`: {missing}")
        return
    load = run.cases[0].load if baseline.takes_routes else Load(None)
    if load.kind == "learned":
        load = Load("uniform")
    run.cases.append(Case(baseline.name, Runner.of(program), run.task, load))


def _forward_flops(case: Case) -> float:
    task, name = case.task, case.runner.program.name
    if name in catalogue.names("baseline") and (own := catalogue.get("baseline", name).flops) is not None:
        return own(task)
    counter = Counter(task.graph, task.batch, task.length)
    if case.is_learned:
        choices: Any = case.runner.program.facts["choices"]
        return counter.forward(choices(case.draw()[0][0]))
    return mean(counter.forward(case.routes() or case.any_routes()) for _ in range(SAMPLES))


# --- results -------------------------------------------------------------------------------------


def _result(run: _Bench, gemm: float) -> dict[str, Any]:
    task, device = run.task, run.task.device
    peak = machine.peak_tflops(device, task.types.compute)
    params = {case.name: sum(p.numel() for p in case.runner.program.module.parameters()) for case in run.cases}
    surplus = max(params[run.cases[0].name] - params["dense"], 0) if "dense" in params else None
    return {
        "net": task.graph.name,
        "lowering": task.lowering,
        "choices": dict(task.choices or {}),
        "batch": task.batch,
        "tokens": task.length,
        "types": {name: str(getattr(task.types, name)).removeprefix("torch.") for name in _TYPES},
        "compiled": task.compile,
        "cuda_graphs": task.cuda_graphs,
        "peak_tflops": peak,
        "gemm_tflops": gemm,
        "params": params[run.cases[0].name],
        "surplus_params": surplus,
        "cases": [_case(run, case, peak, gemm, surplus) for case in run.cases],
        "notes": [*run.notes, *(f"{c.name}: the loss is not a finite number" for c in run.cases if not _is_sound(c))],
    }


def _is_sound(case: Case) -> bool:
    return case.loss is None or isfinite(case.loss)


_TYPES = ("weights", "compute", "stream")


def _case(run: _Bench, case: Case, peak: float | None, gemm: float, surplus: int | None) -> dict[str, Any]:
    task, found = run.task, spread(case.ms)
    tflops = run.flops[case.name] / found.median / 1e9
    is_ours = case.runner.program.name == "dnac"
    return {
        "name": case.name,
        "program": case.runner.program.name,
        "routes": case.load.kind,
        "skip": case.load.skip,
        "ms": found.as_json(),
        "loss": case.loss if case.loss is not None and isfinite(case.loss) else None,
        "facts": {name: fact for name, fact in case.runner.program.facts.items() if isinstance(fact, str)},
        "tokens_per_s": task.batch * task.length / found.median * 1e3,
        "flops_per_step": run.flops[case.name],
        "tflops": tflops,
        "of_peak": None if peak is None else tflops / peak,
        "of_gemm": tflops / gemm,
        "peak_bytes": case.peak_bytes,
        "peak_bytes_without_surplus": _without(case, surplus) if is_ours else case.peak_bytes,
        "compile_seconds": case.first_seconds if task.compile else None,
        "against": _against(run, case, surplus) if is_ours else {},
        "saving": _saving(run, case) if is_ours else None,
    }


def _without(case: Case, surplus: int | None) -> int | None:
    """Peak memory less weights and both moments of the modules that a dense net has not."""
    if case.peak_bytes is None or surplus is None:
        return None
    return case.peak_bytes - 3 * surplus * case.task.types.weights.itemsize


def _against(run: _Bench, case: Case, surplus: int | None) -> dict[str, Any]:
    """By how much this case is faster than each baseline: per step, and per active FLOP; and its memory."""
    found: dict[str, Any] = {}
    for other in run.cases:
        if other.runner.program.name == "dnac":
            continue
        turns = min(len(other.turns), len(case.turns))
        time = ratios(other.means[:turns], case.means[:turns])
        work = run.flops[case.name] / run.flops[other.name]
        found[other.name] = {
            "time": time.as_json(),
            "per_flop": time.median * work,
            "memory": _over(case.peak_bytes, other.peak_bytes),
            "memory_without_surplus": _over(_without(case, surplus), other.peak_bytes),
        }
    return found


def _over(ours: int | None, other: int | None) -> float | None:
    return ours / other if ours and other else None


def _saving(run: _Bench, case: Case) -> float | None:
    """Of what the identities could save, how much they did save."""
    floor = next((c for c in run.cases if c.name == "floor"), None)
    full = next((c for c in run.cases if c.load == Load(case.load.kind)), None)
    if floor is None or full is None or not case.load.skip:
        return None
    return saving(spread(full.ms).median, spread(case.ms).median, spread(floor.ms).median, case.load.skip)


def facts(device: torch.device) -> dict[str, Any]:
    """The machine, for the top of a report."""
    return machine.facts(device)

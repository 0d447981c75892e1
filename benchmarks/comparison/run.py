"""One comparison at equal measured work, in phases, each resumable; see README.md.

    python benchmarks/comparison/run.py PHASE [--data text|stream] [--group frontier systems skips attempts seeing]
        [--only ARM ...]
        [--gpus 1] [--jobs 8] [--minutes 8] [--out runs/comparison]

PHASE is tune, variance, report, time (a train step as `dnac train` runs it), launched (the same, kernel by kernel: no
CUDA graphs) or summary; or `all`, the first three at once: an arm's later runs begin as soon
as its rate is known, so that a slow arm holds up no other. Runs go side by side, `--jobs` on each GPU; none is begun
that would not end within `--minutes`. A run that has its result file is not repeated. `report` needs the detectable
effect, which `variance` writes and prints.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import arms as chosen
import summary
import torch
from series import STOPPED, Arm, Series, Task, Trained, end_with_parent, is_done, one

from dnac.train.assess import Opened

TRAINING = ("tune", "variance", "report")
PHASES = (*TRAINING, "all", "time", "launched", "summary")
FIRST_GUESS = 180.0
"""Seconds of a run, before one has ended."""
CONTROLLED = 12
"""Batches on which controls are measured: each passes them twice."""


def main(argv: Sequence[str] | None = None) -> int:
    args = options(argv)
    out: Path = args.out / args.data
    if args.phase == "summary":
        print(summary.written(out, args.data))
        return 0
    if args.phase in ("time", "launched"):
        return timed(args, out)
    together = TRAINING if args.phase == "all" else (args.phase,)
    left = run_all(args, out, together)
    if "variance" in together:
        print(summary.detectable(out))
    return left


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("phase", choices=PHASES)
    parser.add_argument("--data", choices=sorted(chosen.MATERIALS), default="text")
    parser.add_argument("--group", nargs="+", choices=sorted(chosen.GROUPS), default=["frontier", "systems"])
    parser.add_argument("--only", nargs="+", choices=sorted(chosen.ARMS), metavar="ARM")
    parser.add_argument("--out", type=Path, default=Path("runs/comparison"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=8, help="runs side by side on each GPU")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--seeds", type=int, nargs="+", help="fewer of the phase's seeds")
    parser.add_argument("--peaks", nargs="+", help="for trying")
    parser.add_argument("--eager", action="store_true", help="do not compile, as on a CPU")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=V", help="for trying: a tiny size")
    args = parser.parse_args(argv)
    args.peaks = args.peaks or list(chosen.MATERIALS[args.data].peaks)
    return args


def arms_of(args: argparse.Namespace, phase: str) -> list[Arm]:
    """The arms asked for; `variance` has its own."""
    if phase == "variance" and (args.phase == "all" or not args.only):
        return [chosen.ARMS[name] for name in chosen.MEASURED]
    if args.only:
        return [chosen.ARMS[name] for name in args.only]
    return [arm for group in args.group for arm in chosen.GROUPS[group]]


def tasks(args: argparse.Namespace, out: Path, phase: str) -> list[tuple[Series, Task]]:
    """Runs of a phase that can begin, all arms of a seed before the next seed.

    Raises:
        SystemExit: an arm's rate or the detectable effect is not known yet, and nothing that is under way will tell.
    """
    way = "--no-compile" if args.eager or args.device == "cpu" else "--compile"
    fixed = ("--plain", way, "--device", args.device)
    series = Series(f"comparison {args.data} {phase}", (), work=worked, fixed=fixed)
    seeds = {"tune": (chosen.TUNING_SEED,), "variance": chosen.VARIANCE_SEEDS, "report": chosen.SEEDS}[phase]
    found: list[tuple[Series, Task]] = []
    for seed in args.seeds or seeds:
        for arm in arms_of(args, phase):
            for peak in args.peaks if phase == "tune" else peaks_of(arm, out, args, phase):
                settings = (*chosen.MATERIALS[args.data].settings, *arm.settings, f"peak={peak}", *args.set)
                name = f"{arm.name}@{peak}" if phase == "tune" else arm.name
                named = replace(arm, name=name, net=arm.net or arm.name)
                folder = out / phase / "runs" / f"{named.name}-s{seed}"
                found.append((series, Task(named, seed, folder, arm.spec, settings, fixed)))
    return found


def peaks_of(arm: Arm, out: Path, args: argparse.Namespace, phase: str) -> tuple[str, ...]:
    """The learning rate that the tuning split chose; none yet while `all` is still at it."""
    best = summary.best_peaks(out, args.peaks)
    effect_is_known = phase != "report" or (out / "detectable.json").exists()
    if arm.name in best and effect_is_known:
        return (best[arm.name],)
    if args.phase == "all":
        return ()
    if not effect_is_known:
        raise SystemExit("the detectable effect comes first: run the phase `variance`")
    tried = ", ".join(args.peaks)
    raise SystemExit(f"{arm.name} has no learning rate yet: run the phase `tune`, with all of {tried}")


def worked(task: Task) -> dict[str, Any]:
    """Train, and measure on the split of the phase. Weights are not kept: a result is a few kilobytes."""
    phase, data = task.folder.parts[-3], task.folder.parts[-4]
    torch.compiler.reset()  # a worker meets many nets, and programs are counted by code
    begin = time.monotonic()
    trained = trained_by(task)
    seconds = time.monotonic() - begin
    settings, split = getattr(chosen.MATERIALS[data], "test" if phase == "report" else "tune")
    device = task.fixed[task.fixed.index("--device") + 1]
    held = trained.opened(*settings, split=split, device=device, batches=batches_of(task))
    found = held.measure()
    speeds = [line["tokens_per_s"] for line in trained.run.metrics() if line.get("tokens_per_s")]
    params = trained.run.plan["params"]
    if phase == "report" and held.network.steps:
        few = trained.opened(*settings, split=split, device=device, batches=batches_of(task) or CONTROLLED)
        found |= controlled(trained, few)
    task.facts["data_sha256"] = held.dataset.fingerprint
    shutil.rmtree(trained.run.checkpoints)
    return {
        **found,
        "params_total": params["total"],
        "params_active": params["active_expected"],
        "train_seconds": round(seconds, 1),
        "tokens_per_s": sorted(speeds)[len(speeds) // 2] if speeds else None,
        "lowering": trained.run.resolved["lowering"],
        "compiled": trained.run.resolved["compile"],
    }


def trained_by(task: Task) -> Trained:
    """Train, compiled; a net that does not compile is trained without, which its result file tells (`compiled`)."""
    try:
        return task.train()
    except SystemExit as end:
        if end.code in STOPPED or "--compile" not in task.fixed:
            raise
        print(f"not compiled: `dnac train --compile` ended with {end.code}, see above")
        shutil.rmtree(task.folder, ignore_errors=True)
        task.fixed = tuple("--no-compile" if word == "--compile" else word for word in task.fixed)
        return task.train()


def controlled(trained: Trained, held: Opened) -> dict[str, Any]:
    """Losses with other choices than the routers', and statistics of paths, on a part of the reported split."""
    from dnac.train.controls import controls

    initial = trained.run.spec.build(seed=trained.run.resolved["seeds"]["init"]).state_dict()
    made = controls(held, initial)
    return {"controls": {row["control"]: row["loss"] for row in made["controls"]}, "paths": made["paths"]}


def batches_of(task: Task) -> int | None:
    """All held-out batches; for trying (`--set train.eval_batches=3`) a few."""
    tried = [text for text in task.settings if text.startswith("train.eval_batches=")]
    return int(tried[0].partition("=")[2]) if tried else None


def run_all(args: argparse.Namespace, out: Path, phases: Sequence[str]) -> int:
    """What is missing, several at a time, until the minutes are over; 1 where a run failed, 3 where some are left."""
    begin, running, longest, failed, done = time.monotonic(), set[Future[str]](), 0.0, 0, 0
    os.environ |= {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "2"}
    begun, waiting = set[Path](), missing(args, out, phases)
    workers = max(1, min(args.jobs * args.gpus, 10**6 if args.phase == "all" else len(waiting)))
    spawn = multiprocessing.get_context("spawn")
    places = spawn.Queue()
    for n in range(workers):
        places.put(n % args.gpus)
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=at_home, initargs=(places, args.device))
    try:
        while True:
            spent = time.monotonic() - begin
            while waiting and len(running) < workers and spent + (longest or FIRST_GUESS) < args.minutes * 60:
                series, task = waiting.pop(0)
                begun.add(task.folder)
                running.add(pool.submit(one, series, task, task.folder.parents[1]))
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for line in (future.result() for future in ended):
                failed += line.startswith("FAILED")
                done += not line.startswith("FAILED")
                longest = max(longest, float(line.split()[-2]) if line.endswith(" s") else 0.0)
                print(f"[{time.monotonic() - begin:.0f} s] {line}", file=sys.stderr, flush=True)
            waiting = [pair for pair in missing(args, out, phases) if pair[1].folder not in begun]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    print(f"{done} done, {failed} failed, {len(waiting)} left", file=sys.stderr)
    return 1 if failed else 3 if waiting else 0


def missing(args: argparse.Namespace, out: Path, phases: Sequence[str]) -> list[tuple[Series, Task]]:
    """Runs that can begin and have no result file, in the order of the phases."""
    if len(phases) > 1 and not (out / "detectable.json").exists():
        summary.detectable(out)  # writes it once its runs are there
    pairs = [pair for phase in phases for pair in tasks(args, out, phase)]
    return [(series, task) for series, task in pairs if not is_done(series, task, task.folder.parents[1])]


def at_home(places: Any, device: str) -> None:
    """A worker stays on one GPU; which, it must know before torch looks for any."""
    end_with_parent()
    if device == "cuda":
        mine = places.get()
        known = [p for p in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if p]
        os.environ["CUDA_VISIBLE_DEVICES"] = known[mine] if known else str(mine)


def timed(args: argparse.Namespace, out: Path) -> int:
    """Milliseconds of a train step, each net alone on the device and compiled, after a few steps of learning.

    `--jobs` nets compile side by side; they measure one after another, once all of them have compiled.
    """
    results, begin = out / args.phase / "results", time.monotonic()
    results.mkdir(parents=True, exist_ok=True)
    waiting = [arm for arm in arms_of(args, args.phase) if not (results / f"{arm.name}.json").exists()]
    with ThreadPoolExecutor(args.jobs) as pool:
        states = list(pool.map(lambda arm: time_one(args, arm, results, begin + args.minutes * 60), waiting))
    return 3 if False in states else 0


def time_one(args: argparse.Namespace, arm: Arm, results: Path, end: float) -> bool:
    """Whether the net's result file is there now; not where it fails, or would not end in time."""
    start = time.monotonic()
    settings = (*chosen.MATERIALS[args.data].settings, *arm.settings, *args.set)
    words = [f"{arm.spec}:{arm.net or arm.name}", *(w for s in settings for w in ("--set", s)), *loads(arm)]
    words += ["--no-cuda-graphs"] if args.phase == "launched" else []
    words += ["--against", "none", "--device", args.device, "--json", "--lock", str(results.parent / "lock")]
    command = [sys.executable, "-m", "dnac", "bench", *words]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=max(end - start, 0.1))
    except subprocess.TimeoutExpired:
        return False
    if found.returncode:
        print(f"FAILED {arm.name}: {found.stderr[-1500:]}", file=sys.stderr)
        return False
    measured = {"arm": arm.name, "settings": settings, "bench": json.loads(found.stdout)}
    (results / f"{arm.name}.json").write_text(json.dumps(measured) + "\n")
    print(f"{arm.name} {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return True


def loads(arm: Arm) -> list[str]:
    """Choices that a trained net makes or aims at, as `dnac bench` forces them."""
    if arm in chosen.FRONTIER or arm.name == "stochastic":
        return []
    if arm.name in ("mod", "early_exit"):
        return ["--routes", "learned", "--learn", "20"]
    if arm.name in ("switch", "top1", "top2", "experts", "shared", "top1_sees_all", "top1_sees_before"):
        return ["--routes", "uniform"]
    return ["--routes", "uniform", "--skip", "37.5%" if arm in chosen.TRIED else "25%"]


if __name__ == "__main__":
    sys.exit(main())

"""Tune, train, evaluate and compare the nets of this folder; see README.md.

Every run is one `dnac train` process, several at a time. A run that is finished is not run again,
so the script can be stopped and started.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SPECS = ("shakespeare", "fashion", "digits")
NETS = ("dense", "top1_eq1", "top1_code", "top2_skip_eq1", "top2_skip_code")
PEAKS = ("1e-3", "2e-3", "4e-3")
SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Job:
    """One run."""

    spec: str
    net: str
    peak: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Where the run lies."""
        return out / self.spec / f"{self.net}-lr{self.peak}-s{self.seed}"


def dnac(gpu: int, *words: str) -> str:
    """Run one dnac command on one GPU and return what it printed; say what it said where it failed."""
    settings = {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "2", "CUDA_VISIBLE_DEVICES": str(gpu)}
    found = subprocess.run(
        [sys.executable, "-m", "dnac", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **settings},
    )
    if found.returncode:
        raise RuntimeError(f"dnac {' '.join(words)}: exit {found.returncode}\n{found.stderr[-3000:]}")
    return found.stdout


def train_and_evaluate(job: Job, out: Path, options: Sequence[str], gpu: int) -> dict[str, object]:
    """Train unless it is done, then evaluate on all held-out data."""
    folder = job.folder(out)
    result = folder / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    start = time.monotonic()
    resume = ("--resume",) if any((folder / "checkpoints").glob("step_*")) else ()
    if folder.exists() and not resume:
        shutil.rmtree(folder)  # stopped before its first checkpoint
    dnac(
        gpu,
        "train",
        f"{HERE / job.spec}.dna:{job.net}",
        "--out",
        str(folder),
        *options,
        *resume,
        "--set",
        f"peak={job.peak}",
        "--set",
        f"train.seed={job.seed}",
    )
    found = {
        **job.__dict__,
        "seconds": time.monotonic() - start,
        "eval": json.loads(dnac(gpu, "eval", str(folder), "--json", *options[:2])),
    }
    result.write_text(json.dumps(found))
    return found


def loss_of(found: dict[str, object]) -> float:
    """The held-out loss of one result."""
    evaluated = found["eval"]
    assert isinstance(evaluated, dict)
    return float(evaluated["results"][0]["loss"])


def in_parallel(
    jobs: Sequence[Job], run: Callable[[Job], dict[str, object]], workers: int
) -> dict[Job, dict[str, object]]:
    """Run all jobs, several at a time; a line for each; a failed one is reported and left out."""
    done: dict[Job, dict[str, object]] = {}

    def one(job: Job) -> None:
        try:
            done[job] = run(job)
            print(
                f"{job.spec:12s} {job.net:16s} lr {job.peak} seed {job.seed}  loss {loss_of(done[job]):.4f}", flush=True
            )
        except RuntimeError as fault:
            print(f"{job} FAILED {fault}", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, jobs))
    return done


def best_peaks(tuned: dict[Job, dict[str, object]]) -> dict[tuple[str, str], str]:
    """The peak with the lowest held-out loss for each (spec, net)."""
    best: dict[tuple[str, str], str] = {}
    for job in sorted(tuned, key=lambda j: loss_of(tuned[j]), reverse=True):
        best[job.spec, job.net] = job.peak
    return best


def main() -> None:
    """Tune with seed 0, then run the reported seeds at each net's best peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/results"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--gpus", type=int, default=1, help="runs are dealt out to this many GPUs in turn")
    parser.add_argument("--peaks", nargs="+", default=PEAKS)
    parser.add_argument("--no-compile", action="store_true", help="short runs: compiling costs more than it saves")
    parser.add_argument("--lowering", help="how nets are computed (default: as the schedule chooses)")
    parser.add_argument("--only", choices=SPECS, action="append")
    args = parser.parse_args()
    specs = args.only or SPECS

    options = ("--device", args.device, *(("--no-compile",) if args.no_compile else ()))
    options += ("--lowering", args.lowering) if args.lowering else ()
    turns = itertools.cycle(range(args.gpus))

    def run(job: Job) -> dict[str, object]:
        return train_and_evaluate(job, args.out, options, next(turns))

    tuned = in_parallel([Job(s, n, p, 0) for p in args.peaks for s in specs for n in NETS], run, args.workers)
    peaks = best_peaks(tuned)
    final = in_parallel([Job(s, n, p, seed) for (s, n), p in peaks.items() for seed in SEEDS], run, args.workers)
    summary = {"tuned": list(tuned.values()), "final": list(final.values())}
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()

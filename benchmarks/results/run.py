"""Tune, train, evaluate and compare the nets of this folder; see README.md.

Every run is one `dnac train` process, several at a time. A run that is finished is not run again,
so the script can be stopped and started.
"""

from __future__ import annotations

import argparse
import json
import os
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


def dnac(*words: str) -> str:
    """Run one dnac command and return what it printed; say what it said where it failed."""
    found = subprocess.run(
        [sys.executable, "-m", "dnac", *words], capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "2"}
    )
    if found.returncode:
        raise RuntimeError(f"dnac {' '.join(words)}: exit {found.returncode}\n{found.stderr[-3000:]}")
    return found.stdout


def train_and_evaluate(job: Job, out: Path, device: str) -> dict[str, object]:
    """Train unless it is done, then evaluate on all held-out data."""
    folder = job.folder(out)
    result = folder / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    start = time.monotonic()
    resume = ("--resume",) if (folder / "checkpoints").exists() else ()
    dnac(
        "train", f"{HERE / job.spec}.dna:{job.net}", "--out", str(folder), "--device", device, *resume,
        "--set", f"peak={job.peak}", "--set", f"train.seed={job.seed}",
    )
    found = {**job.__dict__, "seconds": time.monotonic() - start, "eval": json.loads(dnac("eval", str(folder), "--json", "--device", device))}
    result.write_text(json.dumps(found))
    return found


def loss_of(found: dict[str, object]) -> float:
    """The held-out loss of one result."""
    evaluated = found["eval"]
    assert isinstance(evaluated, dict)
    return float(evaluated["loss"])


def in_parallel(jobs: Sequence[Job], run: Callable[[Job], dict[str, object]], workers: int) -> dict[Job, dict[str, object]]:
    """Run all jobs, several at a time; a line for each; a failed one is reported and left out."""
    done: dict[Job, dict[str, object]] = {}

    def one(job: Job) -> None:
        try:
            done[job] = run(job)
            print(f"{job.spec:12s} {job.net:16s} lr {job.peak} seed {job.seed}  loss {loss_of(done[job]):.4f}", flush=True)
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
    parser.add_argument("--only", choices=SPECS, action="append")
    args = parser.parse_args()
    specs = args.only or SPECS

    def run(job: Job) -> dict[str, object]:
        return train_and_evaluate(job, args.out, args.device)

    tuned = in_parallel([Job(s, n, p, 0) for s in specs for n in NETS for p in PEAKS], run, args.workers)
    peaks = best_peaks(tuned)
    final = in_parallel([Job(s, n, p, seed) for (s, n), p in peaks.items() for seed in SEEDS], run, args.workers)
    summary = {"tuned": list(tuned.values()), "final": list(final.values())}
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()

"""All experiments, for the table of `docs/systems.md`: arms that carry a row there, over their seeds, into runs/.

    python examples/experiments/all.py [--jobs 2] [--out runs] [--whole] [-- --seeds 1 --set n=5]

Whole experiments go side by side, those that took longest first, each in one process of its own: a process starts
once, and none waits for the last run of another's experiment. `--whole`: with the arms that carry no row, which their
READMEs show. What stands behind `--` goes to every script. What is there is not run again (`series.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEFT_OUT = 4
"""As in `series.py`, which this program does not import: it would take torch along."""


@dataclass(frozen=True)
class Script:
    """One call of an experiment's script."""

    experiment: str
    words: tuple[str, ...] = ()
    suffix: str = ""
    """Of its folder under `--out`, and of the one in which its results are kept."""

    @property
    def seconds(self) -> float:
        """What the kept results took, or as many where they do not say."""
        kept = HERE / self.experiment
        found = [json.loads(path.read_text(encoding="utf-8")) for path in kept.glob(f"results{self.suffix}/*.json")]
        return sum(result.get("seconds") or 15.0 for result in found)

    def command(self, out: Path, jobs: int, words: Sequence[str]) -> list[str]:
        """As `subprocess` takes it."""
        run, into = str(HERE / self.experiment / "run.py"), str(out / f"{self.experiment}{self.suffix}")
        return [sys.executable, run, *self.words, "--out", into, "--jobs", str(jobs), *words]


def scripts() -> list[Script]:
    """All of them, the longest first."""
    found = [Script(path.parent.name) for path in HERE.glob("*/run.py")]
    found.append(Script("sparsity_moves", ("--norms",), "_norms"))
    return sorted(found, key=lambda script: (-script.seconds, script.experiment))


def main(argv: Sequence[str] | None = None) -> int:
    """Run them, and print each one's table as it ends; 1 where one failed."""
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    parser = ArgumentParser(description="All experiments; their tables.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="runs side by side")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--whole", action="store_true", help="also arms that carry no row of docs/systems.md")
    args = parser.parse_args(given[:cut])
    todo = scripts()
    beside = max(1, min(args.jobs, len(todo)))
    words = [*([] if args.whole else ["--rows"]), *given[cut + 1 :]]
    failed = 0
    with ThreadPoolExecutor(beside) as pool:
        each = -(-args.jobs // beside)
        calls = {pool.submit(_call, script.command(args.out, each, words)): script for script in todo}
        for done in as_completed(calls):
            name, (code, printed) = calls[done].experiment + calls[done].suffix, done.result()
            print(f"== {name}{f': FAILED, exit {code}' if code not in (0, LEFT_OUT) else ''}\n\n{printed}", flush=True)
            failed += code not in (0, LEFT_OUT)
    return 1 if failed else 0


def _call(command: Sequence[str]) -> tuple[int, str]:
    """The exit code, and what it printed; progress goes to this program's own stderr."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env, check=False)
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())

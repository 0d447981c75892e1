"""The runner that all experiments share: nets x settings x seeds, resumable, one result file for each run.

An experiment is a folder `examples/experiments/NAME/` with a `run.py` like this:

    import sys
    from pathlib import Path
    from typing import Any

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from series import SPECS, Arm, Claim, Series, Trained

    def measure(trained: Trained) -> dict[str, Any]:        # what goes into the result file, as JSON holds it
        found = trained.evaluate()                          # train.evaluate.evaluate on all held-out data
        swept = trained.evaluate("hop.choose=top(1)")       # with other settings
        controls = trained.controls("random", "shuffled")["controls"]       # as `dnac controls`: other choices
        return {"loss": found["loss"], "skip": found["skip_share"], "top1": swept["loss"], "controls": controls}

    SERIES = Series(
        name="my_experiment",
        spec=SPECS / "my_system.dna",
        arms=(Arm("dense"), Arm("skip30", net="routed", settings=("target=30%",))),
        measure=measure,
        shown=("loss", "skip"),                             # columns of the table
        claims=(
            Claim("skip30", "dense", "loss", at_most=0.02, text="skipping costs little"),
            Claim("skip30", 0.3, "skip", within=0.03),      # against a number; b=None judges the figure itself
        ),
    )

    if __name__ == "__main__":
        sys.exit(SERIES.main())

`python run.py [--out runs/NAME] [--seeds 42 137] [--jobs 2] [--only ARM ...] [--set n=5] [--table]`. Results lie in
OUT/results/ARM-sSEED.json, run folders in OUT/runs, what a run printed in OUT/logs, the table in OUT/table.md. A
run that has its file is not repeated; one that was stopped goes on from its checkpoint; a file that another
spec text or other settings made is refused. `--seeds 1 --set n=5` is for trying. Each run has one thread;
`--jobs` runs go side by side in processes of their own. `--rows` leaves out the arms of `beside`, which carry no row of
`docs/systems.md` (`make experiments`, see `all.py`). Reported results are kept beside the script: copy OUT/results
there, and `run.py --table --out examples/experiments/NAME` prints their table again.

`controlled=("skip30",)` adds what other choices than the learned ones would give to that arm's result files and to
the table (`controlled.py`); `HELD` among an arm's settings makes it learned-then-frozen.

An experiment that does more than train one net and measure it gives `work` instead of `measure`: a function of a
`Task` that returns the figures. `task.train(net=..., settings=...)` trains (resumably) as often as it likes;
`task.folder` is its own. `measure` and `work` must be functions of the script's top level (processes find them there).
Where the table needs another form, give `table`: a function of the list of results.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import claims as judging
from claims import Claim as Claim
from claims import judge as judge
from controlled import table as controls_table

if TYPE_CHECKING:
    from dnac.train.assess import Opened
    from dnac.train.run import Run

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"
DATA = ROOT / ".data"
"""Data that are not in the repository; ignored by git."""
SEEDS = (42, 137, 256, 512, 1024)
"""The reported ones. Settings are chosen with seed 1, which is not reported."""
FIXED = ("--plain", "--no-compile", "--device", "cpu", "--lowering", "portable")
BRIEF = "train.eval_batches=1"
"""For specs that do not say `eval_batches` themselves: ten evaluations cost a third of a run, and none is read."""
HELD = "train.router_lr=schedule(1, step(0, 50%))"
"""Routers that learn for half of the run and then stay as they are."""
STOPPED = (130, 143)
LEFT_OUT = 4
"""Exit code of an experiment whose data are not there."""
CONTROLLED = 8
"""Batches of held-out data on which choices are replaced."""

Figures = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One point of the grid: a net of the spec with settings, under a name of its own."""

    name: str
    net: str = ""
    """Default: the arm's name."""
    settings: tuple[str, ...] = ()
    """As `--set` takes them: `target=30%`."""
    spec: Path | None = None
    """Where it is not the series' own."""


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    run: Run

    def opened(self, *settings: str, **exam: Any) -> Opened:
        """The network with its latest weights, and held-out data; `exam`: fields of `train.assess.Exam`."""
        from dnac.train.assess import Exam, opened

        return opened(self.run, settings, Exam(**exam), lambda diagnostic: None)

    def evaluate(self, *settings: str, **exam: Any) -> dict[str, Any]:
        """What `dnac eval` measures, with settings changed after training."""
        return self.opened(*settings, **exam).measure()

    def controls(self, *names: str, **exam: Any) -> dict[str, Any]:
        """What `dnac controls` measures: `controls` by name (random, ...; default: all), `paths`, `paths_initial`."""
        from dnac.train.controls import SUMMARIES, controls

        initial = self.run.spec.build(seed=self.run.resolved["seeds"]["init"]).state_dict()
        found = controls(self.opened(**exam), initial, names or SUMMARIES)
        return {**found, "controls": {row["control"]: row for row in found["controls"]}}


@dataclass
class Task:
    """One run of an experiment: an arm with a seed."""

    arm: Arm
    seed: int
    folder: Path
    """For run folders and whatever else the task keeps."""
    spec: Path | None
    settings: tuple[str, ...]
    """The arm's, and behind them those of the command line."""
    fixed: tuple[str, ...] = FIXED
    """Arguments of `dnac train` that are the series' own."""
    facts: Figures = field(default_factory=dict)
    """Beside the figures in the result file: train steps, digest of the run, hash of its held-out data."""

    def train(
        self,
        net: str = "",
        settings: Sequence[str] = (),
        name: str = "",
        spec: Path | None = None,
        words: Sequence[str] = (),
    ) -> Trained:
        """Train a net with the task's seed, or go on where it stopped.

        `settings` stand behind the task's own; `name`: the folder inside the task's, where it trains several; `words`:
        more arguments of `dnac train`.

        Raises:
            SystemExit: it failed, or was stopped; with `dnac train`'s exit code.
        """
        from dnac.cli.main import main as dnac
        from dnac.train.run import Run

        source = spec or self.arm.spec or self.spec
        assert source is not None, "an arm has a spec, or its series"
        folder = self.folder / name if name else self.folder
        brief = () if "eval_batches" in source.read_text(encoding="utf-8") else (BRIEF,)
        texts = merged(f"train.seed={self.seed}", *brief, *self.settings, *settings)
        given = [w for text in texts for w in ("--set", text)]
        target = f"{source}:{net or self.arm.net or self.arm.name}"
        resume = ["--resume"] if goes_on(folder) else []
        code = dnac(["train", target, "--out", str(folder), *given, *self.fixed, *words, *resume])
        if code:
            raise SystemExit(code)
        run = Run.open(folder)
        step = run.latest(lambda diagnostic: None).step
        self.facts |= {"steps": step, "digest": run.resolved["digest"]}
        return Trained(run)


@dataclass(frozen=True)
class Series:
    """An experiment: what is run, what is measured, what is claimed. Nothing here changes once seeds are reported."""

    name: str
    arms: tuple[Arm, ...]
    measure: Callable[[Trained], Figures] | None = None
    work: Callable[[Task], Figures] | None = None
    spec: Path | None = None
    claims: tuple[Claim, ...] = ()
    shown: tuple[str, ...] = ()
    """Figures that the table shows for each arm."""
    seeds: tuple[int, ...] = SEEDS
    table: Callable[[list[Figures]], str] | None = None
    fixed: tuple[str, ...] = FIXED
    """Arguments of every `dnac train`: by default on a CPU, not compiled, portable."""
    beside: tuple[str, ...] = ()
    """Arms that carry no row of `docs/systems.md`: shown in the README alone, left out with `--rows`."""
    controlled: tuple[str, ...] = ()
    """Arms that claim to have learned to route: `dnac controls` of `CONTROLLED` batches is in their files too."""
    needs: tuple[Path, ...] = ()
    """Files that are not in the repository; the experiment's README says where they come from."""

    def main(self, argv: Sequence[str] | None = None) -> int:
        """The command line."""
        return self.run(self.parser().parse_args(argv))

    def parser(self) -> ArgumentParser:
        """Options of all experiments; a script may add its own."""
        names = [arm.name for arm in self.arms]
        parser = ArgumentParser(description=f"The experiment {self.name}; see its README.md.")
        parser.add_argument("--out", type=Path, default=Path("runs") / self.name)
        parser.add_argument("--seeds", type=int, nargs="+", default=list(self.seeds))
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs side by side, one thread each")
        parser.add_argument(
            "--only", "--nets", nargs="+", choices=names, default=names, metavar="ARM", help=", ".join(names)
        )
        parser.add_argument("--rows", action="store_true", help="only arms that carry a row of docs/systems.md")
        parser.add_argument("--set", action="append", default=[], metavar="NAME=V", help="for trying: another setting")
        parser.add_argument(
            "--table", action="store_true", help="no runs: the table of the result files that are there"
        )
        return parser

    def run(self, args: Namespace) -> int:
        """Run what is missing, then print and write the table; 1: a run failed, `LEFT_OUT`: data are missing."""
        if args.rows:
            return self.with_rows().run(Namespace(**{**vars(args), "rows": False}))
        args.out = args.out.resolve()  # a spec reads the paths that it is given from its own folder
        results: Path = args.out / "results"
        if not args.table and (absent := [path for path in self.needs if not path.exists()]):
            print(f"left out: needs {', '.join(map(str, absent))}, see examples/experiments/{self.name}/README.md")
            return LEFT_OUT
        results.mkdir(parents=True, exist_ok=True)
        failed = 0 if args.table else self._run_missing(args)
        found = self.results(results)
        text = self.text(found)
        if not args.table:
            (args.out / "table.md").write_text(text, encoding="utf-8")
        print(text)
        return 1 if failed else 0

    def with_rows(self) -> Series:
        """The series without arms that carry no row, claims about them, and controls that `NAME/controls` has not."""
        arms = tuple(arm for arm in self.arms if arm.name not in self.beside)
        claims = tuple(claim for claim in self.claims if not {*claim.arms} & {*self.beside})
        kept = Path(__file__).parent / self.name / "controls" / "results"
        controlled = tuple(name for name in self.controlled if any(kept.glob(f"{name}-s*.json")))
        return replace(self, arms=arms, claims=claims, beside=(), controlled=controlled)

    def results(self, folder: Path) -> list[Figures]:
        """What the result files of a folder hold."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]

    def text(self, results: list[Figures]) -> str:
        """The table."""
        arms = [arm.name for arm in self.arms]
        shown = self.table(results) if self.table else judging.table(results, arms, self.shown, self.claims)
        return shown + controls_table(results, self.controlled)

    def tasks(self, out: Path, seeds: Iterable[int], only: Sequence[str], extra: Sequence[str] = ()) -> Iterator[Task]:
        """All arms of a seed before the next seed, so that what is there when it is stopped can be paired."""
        for seed in seeds:
            for arm in (arm for arm in self.arms if arm.name in only):
                folder = out / "runs" / f"{arm.name}-s{seed}"
                yield Task(arm, seed, folder, arm.spec or self.spec, (*arm.settings, *extra), self.fixed)

    def _run_missing(self, args: Namespace) -> int:
        tasks = list(self.tasks(args.out, args.seeds, args.only, args.set))
        missing = [task for task in tasks if not is_done(self, task, args.out)]
        begin, failed = time.monotonic(), 0
        for n, line in enumerate(_each(self, missing, args.out, args.jobs), 1):
            failed += line.startswith("FAILED")
            note = f"[{n} of {len(missing)}, {time.monotonic() - begin:.0f} s] {line}"
            print(note, file=sys.stderr, flush=True)
        return failed


def merged(*settings: str) -> list[str]:
    """Settings of which the last of a name wins; twice is an error to `dnac`."""
    return list({text.partition("=")[0].strip(): text for text in settings}.values())


def goes_on(folder: Path) -> bool:
    """Whether a run folder holds a checkpoint. One that was stopped before its first is made anew."""
    from dnac.train.run import CHECKPOINTS, Run

    if any((folder / CHECKPOINTS).glob("step_*")):
        return True
    if Run.is_run(folder):
        shutil.rmtree(folder)
    return False


def one(series: Series, task: Task, out: Path) -> str:
    """Do one task and write its result file; a line about it. Only a stop by signal is raised (SystemExit 130, 143)."""
    import torch

    torch.set_num_threads(1)
    name = f"{task.arm.name}-s{task.seed}"
    log = out / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with log.open("a", encoding="utf-8") as printed, redirect_stdout(printed), redirect_stderr(printed):
        try:
            figures = series.work(task) if series.work else _measured(series, task)
        except SystemExit as end:
            if end.code in STOPPED:
                raise
            return f"FAILED {name}: exit {end.code}, see {log}"
        except Exception:  # one run that fails leaves the others to go on; its log holds why
            traceback.print_exc(file=printed)
            return f"FAILED {name}: see {log}"
    seconds = round(time.monotonic() - begin, 1)
    write(series, task, out, {"seconds": seconds, "figures": figures})
    return f"{name} {seconds} s"


def write(series: Series, task: Task, out: Path, found: Figures) -> None:
    """Publish a result file whole, by one rename."""
    import torch

    whole = {
        "experiment": series.name,
        **identity(task),
        "code": revision(),
        "torch": torch.__version__,
        **task.facts,
        **found,
    }
    path = result_path(task, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def identity(task: Task) -> Figures:
    """What makes a result the one that is asked for."""
    spec = task.spec
    return {
        "arm": task.arm.name,
        "net": task.arm.net or task.arm.name,
        "seed": task.seed,
        "settings": [text.replace(f"{ROOT}{os.sep}", "") for text in task.settings],  # alike on every machine
        "spec": spec and (str(spec.relative_to(ROOT)) if spec.is_relative_to(ROOT) else spec.name),
        "spec_sha256": spec and hashlib.sha256(spec.read_bytes()).hexdigest(),
    }


def is_done(series: Series, task: Task, out: Path) -> bool:
    """Whether the task has its result file.

    Raises:
        SystemExit: it has one that something else made.
    """
    path = result_path(task, out)
    if not path.exists():
        return False
    made = json.loads(path.read_text(encoding="utf-8"))
    if task.arm.name in series.controlled and "controls" not in made:
        return False
    other = [key for key, value in identity(task).items() if made.get(key) not in (value, None)]
    if other:
        raise SystemExit(f"{path} was made with other settings ({', '.join(other)}): take another --out")
    return True


def result_path(task: Task, out: Path) -> Path:
    """OUT/results/ARM-sSEED.json"""
    return out / "results" / f"{task.arm.name}-s{task.seed}.json"


@cache
def revision() -> str | None:
    """The git commit of the code, `changed` behind it where the package differs from it.

    Outside git, that which `git archive` wrote into the copy; else None.
    """
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        state = subprocess.run([*git, "status", "--porcelain", "dnac"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _archived(ROOT / ".git_archival.txt")
    return head.stdout.strip() + (" changed" if state.stdout.strip() else "")


def _archived(path: Path) -> str | None:
    """The commit that a copy was made of; None in a file that git has not filled in."""
    node = path.read_text(encoding="utf-8").partition("node:")[2].strip() if path.exists() else ""
    return node[:12] if node.isalnum() else None


def _measured(series: Series, task: Task) -> Figures:
    assert series.measure is not None, "a series has `measure` or `work`"
    trained = task.train()
    task.facts["data_sha256"] = trained.opened().dataset.fingerprint
    if task.arm.name in series.controlled:
        task.facts["controls"] = trained.controls(batches=CONTROLLED)
    return series.measure(trained)


def _each(series: Series, tasks: Sequence[Task], out: Path, jobs: int) -> Iterator[str]:
    """Lines about tasks, as they end; here, or side by side in processes of their own."""
    if jobs <= 1 or len(tasks) <= 1:
        yield from (one(series, task, out) for task in tasks)
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported there
    spawn = multiprocessing.get_context("spawn")
    unpickled = replace(series, table=None)  # a script's table may close over anything
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=spawn, initializer=end_with_parent)
    try:
        for done in as_completed([pool.submit(one, unpickled, task, out) for task in tasks]):
            yield done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def end_with_parent() -> None:
    """A process whose parent was killed ends too, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()

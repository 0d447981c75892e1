"""What the commands on run folders share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.cli.options import add_device, status
from dnac.cli.select import render
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.text.diagnostic import Diagnostic
    from dnac.train.assess import Exam, Opened
    from dnac.train.run import Run

MISUSE = ("DNA642", "DNA643", "DNA645", "DNA730", "DNA732", "DNA733", "DNA736", "DNA750")
"""Faults of the command line and of run folders, not of a file: exit code 2."""


def add_run(parser: ArgumentParser) -> None:
    """`RUN` and where to compute."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    add_device(parser)
    parser.add_argument("--lowering", help="how the net is computed (default: as it was trained)")


def add_data(parser: ArgumentParser) -> None:
    """Which of the run's data a command looks at."""
    parser.add_argument("--split", choices=("valid", "train"), default="valid", help="which data (default: valid)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="samples at once (default: as it was trained)")
    parser.add_argument("--batches", type=int, metavar="N", help="only the first N batches (default: all)")


def require_batches(args: Namespace) -> None:
    """No batch of nothing.

    Raises:
        WrongUse: `--batch-size` or `--batches` below 1.
    """
    for name in ("batch_size", "batches"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise WrongUse(f"--{name.replace('_', '-')} must be 1 or more")


def exam_of(args: Namespace) -> Exam:
    """What to measure and where, as `add_run` and `add_data` took it."""
    from dnac.train.assess import Exam
    from dnac.train.start import pick_device

    return Exam(args.split, args.batch_size, args.batches, str(pick_device(args.device)), args.lowering)


def opened(args: Namespace) -> tuple[dict[str, Any], Run, Opened]:
    """A run with its settings and held-out data, and what says of a measurement whose it is."""
    from dnac.train.assess import opened as open_run
    from dnac.train.run import Run

    run, tell = Run.open(args.run), teller(args)
    held = open_run(run, args.settings, exam_of(args), tell)
    card = held.dataset.card
    said = {"version": 1, "run": str(run.path), "step": run.latest(tell).step, "split": args.split}
    return {**said, "settings": args.settings, "data": card.name, "data_sha256": card.sha256}, run, held


def outcome(run: Callable[[Namespace], int], args: Namespace, misuse: Sequence[str] = MISUSE) -> int:
    """Run a command; faults of the command line and of run folders (`misuse`) are shown here and give 2.

    Raises:
        Faults: all others.
    """
    from dnac.text.diagnostic import Faults

    try:
        return run(args)
    except Faults as faults:
        if any(d.code not in misuse for d in faults.bag if d.severity == "error"):
            raise
        for diagnostic in faults.bag:
            status(render(diagnostic, args))
        return 2


def teller(args: Namespace) -> Callable[[Diagnostic], None]:
    """Shows warnings, such as a damaged checkpoint, on stderr."""
    return lambda diagnostic: status(render(diagnostic, args))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of text under their heads, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

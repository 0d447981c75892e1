"""`dnac calibrate RUN`: how early tokens may leave, so that a wanted risk is kept with a wanted confidence."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, wants_json
from dnac.cli.runs import add_data, add_run, opened, outcome, require_batches, table
from dnac.cli.usage import WrongUse


def _add_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_settings(parser)
    parser.add_argument("--risk", type=float, default=0.05, metavar="SHARE", help="wanted risk (default: 0.05)")
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="how sure it shall be kept (default: 0.95)"
    )
    parser.add_argument(
        "--of",
        choices=("agreement", "accuracy"),
        default="agreement",
        help="risk: other outputs than the whole net's (default), or only right ones that turn wrong",
    )
    add_data(parser)


def _run(args: Namespace) -> int:
    require_batches(args)
    for name in ("risk", "confidence"):
        if not 0 < getattr(args, name) < 1:
            raise WrongUse(f"--{name} must be above 0 and below 1")
    return outcome(_calibrate, args)


def _calibrate(args: Namespace) -> int:
    from dnac.train.calibrate import calibrate, halts

    said, _, held = opened(args)
    names = halts(held.network.graph)
    if not names:
        help_ = "give a run of a net with `halt by { choose = threshold(...); when = eval }`"
        raise WrongUse(f"{args.run} has no halting step with a threshold", help_)
    found = {**said, "routers": list(names), **calibrate(held, args.risk, args.confidence, args.of)}
    print(json.dumps(found) if wants_json(args) else as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """A row for each threshold that was tested, and what may be said of the last that passed."""
    from dnac.train.calibrate import thresholds_text

    rows = [["threshold", "risk", "p-value"]]
    rows += [[f"{test['threshold']:g}", f"{test['risk']:.2%}", f"{test['p']:.2g}"] for test in found["tests"]]
    head = f"{found['data']} (sha256 {found['data_sha256'][:12]}), {found['samples']:,} samples, step {found['step']}"
    wanted = f"a risk of at most {found['wanted_risk']:.2%}, with a confidence of {found['confidence']:.2%}"
    if found["threshold"] is None:
        return f"{head}\n{table(rows)}\n\nno threshold keeps {wanted}, as far as so many samples can tell"
    whole, early = found["whole"], found["calibrated"]
    figures = [["", "loss", "accuracy", "FLOPs/token"]]
    figures += [
        [name, f"{row['loss']:.4f}", f"{row['accuracy']:.2%}", f"{row['active_flops_per_token']:,}"]
        for name, row in (("whole", whole), ("calibrated", early))
    ]
    settings = thresholds_text(found["routers"], found["threshold"])
    return f"{head}\n{table(rows)}\n\n{settings} keeps {wanted}\n\n{table(figures)}"


COMMAND = Command("calibrate", "how early tokens may leave at a wanted risk", _add_arguments, _run)

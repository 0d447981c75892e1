"""`dnac train FILE[:net]`: train a net as its file says, into a run folder."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.cli.base import Command
from dnac.cli.options import add_by, add_cuda_graphs, add_device, add_target, status, wants_json
from dnac.cli.runs import outcome
from dnac.cli.select import check_file, choose_net
from dnac.cli.sweeps import add_sweep, sweep
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.train.prepare import Options, Prepared

_MISUSE = ("DNA654", "DNA730", "DNA732", "DNA733", "DNA735", "DNA736", "DNA739")
"""Faults of the command line and of run folders, not of the file: exit code 2."""


def _add_arguments(parser: ArgumentParser) -> None:
    add_target(parser, "a .dna file, and which of its nets; with --resume also a run folder")
    parser.add_argument("--out", metavar="DIR", type=Path, help="the run folder (default: runs/NET-SPEC-sSEED)")
    parser.add_argument("--resume", action="store_true", help="go on from the latest good checkpoint of the run folder")
    parser.add_argument("--dry-run", action="store_true", help="two train steps on real data, into no folder")
    add_device(parser)
    parser.add_argument("--lowering", help="how the net is computed (default: what the schedule chooses here)")
    parser.add_argument("--compile", dest="compile", action="store_true", default=None, help="compile, however short")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="do not compile, however long")
    add_by(parser, "--compile-by")
    add_cuda_graphs(parser)
    parser.add_argument(
        "--compiled", metavar="DIR", type=Path, help="start without compiling, from what `dnac compile -o DIR` left"
    )
    add_sweep(parser)
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard files into the run folder too")
    parser.add_argument("--plain", action="store_true", help="plain lines of progress, also in a terminal")


def _run(args: Namespace) -> int:
    return outcome(_train, args, _MISUSE)


def _train(args: Namespace) -> int:
    if args.sweep or args.seeds:
        return _sweep(args)
    prepared = _prepared(args)
    if args.compiled is not None:
        prepared = _started_from(args.compiled, prepared)
    if args.dry_run:
        return _dry_run(args, prepared)
    from dnac.cli.progress import listener
    from dnac.train.interrupt import Stopped
    from dnac.train.losses import tap_weights
    from dnac.train.start import train

    with listener(args) as hears:
        hears.note(f"training {prepared.checked.name} for {prepared.settings.total_steps} steps into {prepared.out}")
        if tap_weights(prepared.checked.graph):
            hears.note("`loss` counts the losses of taps too, `valid` does not")
        try:
            run = train(prepared, hears, tensorboard=args.tensorboard)
        except Stopped as stopped:
            hears.note(f"{stopped}; go on with --resume")
            return stopped.exit_code
    _result({"run": str(run.path), **run.metrics()[-1]}, args, f"done: {run.path}")
    return 0


def _sweep(args: Namespace) -> int:
    from dnac.train.run import Run

    if args.compiled is not None or Run.is_run(Path(args.target)):
        what = "--compiled" if args.compiled is not None else "a run folder"
        raise WrongUse(f"a sweep takes no {what}", "give a .dna file; a sweep goes on by itself")
    return sweep(args, replace(_options(args), dry_run=False))


def _started_from(folder: Path, prepared: Prepared) -> Prepared:
    """Compiled, from the program in the folder; where that is no use, one line, and as without it."""
    from dnac.lowering.warm import made_by, start_from

    useless = start_from(folder, prepared.checked.graph)
    if useless:
        status(f"{useless}; not using it")
        return prepared
    options, (by, recorded) = prepared.options, made_by(folder)
    recorded = recorded if options.cuda_graphs is None else options.cuda_graphs
    as_made = replace(options, compile=True, compile_by=options.compile_by or by, cuda_graphs=recorded)
    return replace(prepared, options=as_made)


def _prepared(args: Namespace) -> Prepared:
    from dnac.train.prepare import prepare
    from dnac.train.run import Run

    run = Run.open(Path(args.target)) if Run.is_run(Path(args.target)) else None
    if run is None:
        checked = check_file(args)
        return prepare(choose_net(*checked), checked[0], _options(args))
    if not args.resume or args.out or args.settings:
        raise WrongUse(
            f"{args.target} is a run folder", "go on with `--resume` alone; to change a setting, train its file anew"
        )
    args.target = f"{run.path / 'spec.dna'}:{run.resolved['net']}"
    args.settings, args.out = run.resolved["settings"], run.path
    checked = check_file(args)
    return prepare(choose_net(*checked), checked[0], _options(args), root=run.root)


def _options(args: Namespace) -> Options:
    from dnac.train.prepare import Options

    return Options(
        out=args.out,
        resume=args.resume,
        device=args.device,
        lowering=args.lowering,
        compile=args.compile,
        compile_by=args.compile_by,
        cuda_graphs=args.cuda_graphs,
        settings=tuple(args.settings),
        command=tuple(sys.argv),
        kinds=tuple(map(os.fspath, args.kinds)),
        dry_run=args.dry_run,
    )


def _dry_run(args: Namespace, prepared: Prepared) -> int:
    from dnac.cli.progress import duration, listener, short
    from dnac.train.dry_run import dry_run

    with listener(args) as hears:
        found = dry_run(prepared, hears)
    way = "compiled" if found["compile"] else "not compiled"
    rows = {
        "net": f"{found['net']}, {found['params']:,} parameters",
        "would train": f"{found['steps']} steps of {found['batch']} sequences, on {found['device']}",
        "lowering": f"{found['lowering']}, {way}, {found['precision']}",
        "data": found["data"],
        "into": found["out"],
        "losses": ", ".join(f"{x:.4f}" for x in found["losses"]),
        "memory": f"{short(found['peak_bytes'])}B at the most",
        "time": f"about {duration(found['seconds'])} for the whole run",
    }
    text = "\n".join(f"{name:12} {value}" for name, value in rows.items())
    _result(found, args, text)
    return 0


def _result(found: dict[str, Any], args: Namespace, text: str) -> None:
    if wants_json(args):
        print(json.dumps({"version": 1, **found}))
    else:
        print(text)


COMMAND = Command("train", "train a net as its file says, into a run folder", _add_arguments, _run)

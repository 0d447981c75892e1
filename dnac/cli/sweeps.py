"""`dnac train --sweep`: every point checked before the first one trains, then one run after the other, then a table."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.cli.options import status, wants_json
from dnac.cli.runs import table, teller
from dnac.cli.select import check_file, choose_net, parse_settings, render
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.semantics.result import CheckedFile, CheckedNet
    from dnac.train.prepare import Options, Prepared
    from dnac.train.sweep import Point

_MOST_SEEDS = 1_000


def add_sweep(parser: ArgumentParser) -> None:
    """`--sweep` and `--seeds`."""
    parser.add_argument(
        "--sweep",
        metavar="NAME=V,V,...",
        action="append",
        default=[],
        help="a run for each value, e.g. --sweep width=64,128; given twice: all combinations",
    )
    parser.add_argument(
        "--seeds", type=seeds, default=(), metavar="N,N,...", help="a run for each seed, e.g. 0,1,2 or 0:3"
    )


def seeds(text: str) -> tuple[int, ...]:
    """`0,1,2`, or `0:3` for the same.

    Raises:
        ValueError: it is neither, which argparse turns into wrong use.
    """
    if match := re.fullmatch(r"(\d{1,9}):(\d{1,9})", text):
        found = tuple(range(int(match[1]), min(int(match[2]), int(match[1]) + _MOST_SEEDS)))
    else:
        found = tuple(int(part) for part in text.split(","))
    if not found or min(found) < 0:
        raise ValueError(text)
    return found


def sweep(args: Namespace, options: Options) -> int:
    """Check all points, train those that are not finished, and compare them; 1 if one failed.

    Raises:
        Faults: a point has faults; nothing has been trained.
        WrongUse: the sweep makes no sense.
    """
    from dnac.train.sweep import default_folder

    file, net = check_file(args)
    base = choose_net(file, net)
    if base.train is None:
        from dnac.text.diagnostic import Faults
        from dnac.train.errors import no_train_block

        raise Faults(no_train_block(base.name, file.source.path))
    every = _points(args)
    home = args.out or default_folder(base)
    ready = _ready(every, args, replace(options, out=home), base.name)
    if args.dry_run:
        _show(ready, home, args)
        return 0
    return _train(ready, home, args)


def _points(args: Namespace) -> tuple[Point, ...]:
    from dnac.train.sweep import MOST_POINTS, points

    for text in args.sweep:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise WrongUse(f"`--sweep {text}` gives no values", "write --sweep name=value,value")
    every = points(args.sweep, args.seeds)
    if len(every) > MOST_POINTS:
        raise WrongUse(f"this sweep has {len(every):,} points, and may have {MOST_POINTS:,}", "give fewer values")
    return every


def _ready(every: tuple[Point, ...], args: Namespace, options: Options, net: str) -> dict[Point, Prepared]:
    """The run of each point.

    Raises:
        Faults: all those of all points, each with its points.
    """
    from dnac.text.diagnostic import Bag, Faults
    from dnac.train.sweep import named, prepared

    assert options.out is not None
    ready, faults, opened = dict[Any, Any](), dict[str, Bag](), dict[Any, Any]()
    for point in every:
        try:
            checked = _checked(point, args, net)
            ready[point] = prepared(point, checked, replace(options, out=options.out / point.name), opened)
        except Faults as found:
            faults[point.name] = found.bag
    if faults:
        raise Faults(named(faults, len(every)))
    return ready


def _checked(point: Point, args: Namespace, net: str) -> tuple[CheckedNet, CheckedFile]:
    from dnac.cli.select import split_target
    from dnac.driver import check
    from dnac.syntax.parser import parse_setting
    from dnac.text.diagnostic import Bag, Faults
    from dnac.text.files import read_source

    path, _ = split_target(args.target)
    settings = (*parse_settings(args.settings), *(parse_setting(text, "--sweep") for text in point.settings))
    file = check(read_source(path), settings, net)
    if file.bag.has_errors:
        raise Faults(Bag([d for d in file.bag if d.severity == "error"]))
    return choose_net(file, net), file


def _train(ready: dict[Point, Prepared], home: Path, args: Namespace) -> int:
    """One run after the other. One that fails is told, and the others go on."""
    from dnac.cli.progress import listener
    from dnac.text.diagnostic import Faults
    from dnac.train.interrupt import Stopped
    from dnac.train.start import train
    from dnac.train.sweep import at_point, is_finished

    states = dict[Any, str]()
    with listener(args) as hears:
        for number, (point, prepared) in enumerate(ready.items(), start=1):
            head = f"{number} of {len(ready)}: {point.name}"
            try:
                if is_finished(prepared, hears.warn):
                    states[point] = "was finished"
                    hears.note(f"{head} is finished")
                    continue
                hears.note(f"{head}, {prepared.settings.total_steps} steps into {prepared.out}")
                train(prepared, hears, tensorboard=args.tensorboard)
                states[point] = "trained"
            except Stopped as stopped:
                hears.note(f"{stopped}; the same command goes on")
                return stopped.exit_code
            except Faults as faults:
                states[point] = "failed"
                for diagnostic in at_point(faults, point).bag:
                    status(render(diagnostic, args))
    _result(ready, states, home, args)
    return int("failed" in states.values())


def _result(ready: dict[Point, Prepared], states: dict[Point, str], home: Path, args: Namespace) -> None:
    """The finished runs side by side."""
    from dnac.cli.commands.compare import as_text
    from dnac.train.compare import compare
    from dnac.train.run import Run

    runs = [Run.open(prepared.out) for point, prepared in ready.items() if states[point] != "failed"]
    found = compare(runs) if runs else None
    if wants_json(args):
        points = [{**_entry(point, ready[point]), "state": states[point]} for point in ready]
        print(json.dumps({"version": 1, "sweep": str(home), "points": points, "compare": found}))
    else:
        print(f"{home}\n\n{as_text(found)}" if found else f"{home}: no run came to its end")


def _show(ready: dict[Point, Prepared], home: Path, args: Namespace) -> None:
    """`--dry-run`: the points, and what is there of them; nothing is trained or written."""
    from dnac.train.sweep import is_finished

    tell: Callable[[Any], None] = teller(args)
    states = {p: "finished" if is_finished(r, tell) else "begun" if r.run else "new" for p, r in ready.items()}
    if wants_json(args):
        points = [{**_entry(point, ready[point]), "state": state} for point, state in states.items()]
        print(json.dumps({"version": 1, "sweep": str(home), "points": points, "compare": None}))
        return
    rows = [[p.name, state, f"{ready[p].settings.total_steps:,} steps"] for p, state in states.items()]
    print(f"{home}\n{table([['point', 'is', 'of'], *rows])}")


def _entry(point: Point, prepared: Prepared) -> dict[str, Any]:
    return {
        "name": point.name,
        "settings": list(point.settings),
        "run": str(prepared.out),
        "steps": prepared.settings.total_steps,
    }

"""`dnac tune`: measure on this device what a net's schedule asks, and keep it in the device's cost table."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from dnac import catalogue
from dnac.cli.base import Command
from dnac.cli.options import add_device, add_target, status, wants_json
from dnac.cli.select import check_net, render
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.lowering.tune import Tuned


def add_arguments(parser: ArgumentParser) -> None:
    """What to measure, and for which batch and types."""
    add_target(parser)
    add_device(parser)
    parser.add_argument("--batch", metavar="N", type=int, help="sequences of a micro-batch (default: as `train` says)")
    parser.add_argument(
        "--precision", choices=catalogue.names("precision"), help="types to measure in (default: as `train` says)"
    )
    parser.add_argument("--level", choices=("O0", "O1", "O2"), default="O2", help="passes to run (default O2)")


def run(args: Namespace) -> int:
    """Measure what is lacking, and print it."""
    if args.batch is not None and args.batch < 1:
        raise WrongUse("--batch must be 1 or more")
    net = check_net(args)
    from dnac.lowering.tune import tune
    from dnac.schedule.types import batch_of, types_of
    from dnac.train.start import pick_device

    device = pick_device(args.device)
    sequences = args.batch or batch_of(net.train, net.graph.tokens)
    found = tune(net.graph, device, types_of(net.train, args.precision), sequences, level=args.level, tell=status)
    if found.note is not None:
        status(render(found.note, args))
    if wants_json(args):
        print(json.dumps(_as_json(net.name, sequences, found), indent=2))
    else:
        _show(net.name, sequences, found)
    return 0


def _as_json(net: str, sequences: int, found: Tuned) -> dict[str, Any]:
    return {
        "version": 1,
        "net": net,
        "device": found.table.device.name,
        "sequences": sequences,
        "measured": [{**key._asdict(), **cost._asdict()} for key, cost in found.measured],
        "known": found.known,
        "skipped": [dict(zip(("group", "candidate", "reason"), entry, strict=True)) for entry in found.skipped],
        "choices": {"lowering": found.choices.lowering, **found.choices.summary},
        "table": str(found.path) if found.path else None,
    }


def _show(net: str, sequences: int, found: Tuned) -> None:
    from dnac.schedule.words import ms_text, table

    counts = f"{len(found.measured)} measured, {found.known} known before"
    print(f"{net} on {found.table.device}, {sequences} sequences: {counts}")
    rows = [
        (
            key.group,
            key.candidate,
            key.shape,
            f"{ms_text(cost.forward_ms)} ms",
            f"{ms_text(cost.training_ms)} ms in training",
        )
        for key, cost in found.measured
    ]
    if rows:
        print("\n".join(table(rows, indent=2)))
    for group, name, reason in found.skipped:
        print(f"  not measured: {group} {name}: {reason}")
    chosen = ", ".join(f"{group} {name}" for group, name in found.choices.summary.items())
    print(f"will run: {found.choices.lowering}{': ' + chosen if chosen else ''}")
    if found.path is not None:
        print(f"kept in {found.path}")


COMMAND = Command("tune", "measure on this device what a net asks, for its plan and its choices", add_arguments, run)

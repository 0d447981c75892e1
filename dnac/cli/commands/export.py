"""`dnac export RUN --out DIR`: a trained Llama-like net as a checkpoint of Hugging Face's."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from dnac.cli.base import Command
from dnac.cli.options import wants_json
from dnac.cli.runs import outcome, teller
from dnac.cli.usage import WrongUse


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new checkpoint folder")


def _run(args: Namespace) -> int:
    if args.out.exists() and any(args.out.iterdir()):
        raise WrongUse(f"`{args.out}` holds something already", "name a new folder")
    return outcome(_export, args)


def _export(args: Namespace) -> int:
    from dnac.importing.export import export
    from dnac.train.run import Run

    network = Run.open(args.run).network(teller(args))
    count = export(network, args.out)
    if wants_json(args):
        print(json.dumps({"version": 1, "net": network.graph.name, "out": str(args.out), "parameters": count}))
    else:
        print(f"{network.graph.name}: {count:,} parameters written to {args.out}")
    return 0


COMMAND = Command("export", "write a run of a Llama-like net as a Hugging Face checkpoint", _add_arguments, _run)

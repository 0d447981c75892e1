"""`dnac import CHECKPOINT FILE[:NET] --out DIR`: weights of a Llama or Mixtral that was trained elsewhere, as a run."""
# ruff: noqa: N999 - the file is named after the command

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from dnac.cli.base import Command
from dnac.cli.options import add_target, wants_json
from dnac.cli.runs import outcome
from dnac.cli.select import check_file, choose_net


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        type=Path,
        help="a folder with config.json and safetensors files, a GGUF file, or a file of llama2.c",
    )
    add_target(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new run folder")


def _run(args: Namespace) -> int:
    return outcome(_import, args)


def _import(args: Namespace) -> int:
    from dnac.importing.initial import read
    from dnac.importing.llama import load_into
    from dnac.lowering.network import Network
    from dnac.train.adopt import adopt
    from dnac.train.prepare import Options

    file, name = check_file(args)
    checked = choose_net(file, name)
    config, tensors = read(args.checkpoint)
    network = Network(checked.graph)
    load_into(network, config, tensors)
    options = Options(
        out=args.out,
        settings=tuple(args.settings),
        command=tuple(sys.argv),
        kinds=tuple(map(os.fspath, args.kinds)),
    )
    run = adopt(checked, file, network, options)
    parameters = sum(p.numel() for p in network.parameters())
    if wants_json(args):
        print(json.dumps({"version": 1, "run": str(run.path), "net": checked.name, "parameters": parameters}))
    else:
        print(f"{checked.name}: {parameters:,} parameters imported into {run.path}")
    return 0


COMMAND = Command("import", "take the weights of a Hugging Face Llama or Mixtral into a run", _add_arguments, _run)

"""`dnac plan`: what a net holds, what it costs and what will run, without torch."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from dnac.cli.base import Command
from dnac.cli.options import add_target, wants_json
from dnac.cli.select import check_net


def add_arguments(parser: ArgumentParser) -> None:
    """`FILE[:NET]`, `--set` and `--level`."""
    add_target(parser)
    parser.add_argument(
        "--level", choices=("O0", "O1", "O2"), default="O2", help="passes before the schedule (default O2)"
    )


def run(args: Namespace) -> int:
    """Print the plan, as JSON or for people."""
    net = check_net(args)
    from dnac.schedule.plan import plan, render_plan

    if wants_json(args):
        print(json.dumps(plan(net, args.level), indent=2))
    else:
        print(render_plan(net, args.level), end="")
    return 0


COMMAND = Command("plan", "parameters, FLOPs, paths, memory and the schedule of a net", add_arguments, run)

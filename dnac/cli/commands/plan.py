"""`dnac plan`: what a net holds, what it costs and what will run, without torch."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dnac import catalogue
from dnac.cli.base import Command
from dnac.cli.options import add_target, status, wants_json
from dnac.cli.select import check_net, render
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.schedule.cost_table import CostTable
    from dnac.text.diagnostic import Diagnostic


def add_arguments(parser: ArgumentParser) -> None:
    """`FILE[:NET]`, `--set`, `--level`, `--device` and `--batch`."""
    add_target(parser)
    parser.add_argument(
        "--level", choices=("O0", "O1", "O2"), default="O2", help="passes before the schedule (default O2)"
    )
    parser.add_argument(
        "--device", help="cpu, h200, a100, ... (default: the device tuned last, else this machine's CPU)"
    )
    parser.add_argument("--batch", metavar="N", type=int, help="sequences of a micro-batch (default: as `train` says)")
    parser.add_argument(
        "--precision", choices=catalogue.names("precision"), help="types to plan for (default: as `train` says)"
    )


def run(args: Namespace) -> int:
    """Print the plan, as JSON or for people; notes and warnings about the device go to stderr, or into the JSON."""
    if args.batch is not None and args.batch < 1:
        raise WrongUse("--batch must be 1 or more")
    net = check_net(args)
    from dnac.schedule.outlook import outlook
    from dnac.schedule.plan import plan, render_plan
    from dnac.text.render import as_json

    table, note = _table(args.device)
    view = outlook(net, args.level, costs=table, sequences=args.batch, precision=args.precision)
    found = [*([note] if note else []), *view.diagnostics()]
    if wants_json(args):
        print(json.dumps({**plan(net, view=view), "diagnostics": [as_json(d) for d in found]}, indent=2))
        return 0
    for diagnostic in found:
        status(render(diagnostic, args))
    print(render_plan(net, view=view), end="")
    return 0


def _table(name: str | None) -> tuple[CostTable, Diagnostic | None]:
    from dnac.schedule.cost_table import target
    from dnac.schedule.device import KNOWN
    from dnac.text.suggest import nearest

    found = target(name)
    if found is None:
        known = ("cpu", *KNOWN)
        close = nearest(name or "", known)
        raise WrongUse(
            f"no device `{name}` is known", f"did you mean {close}?" if close else f"there are {', '.join(known)}"
        )
    return found


COMMAND = Command("plan", "parameters, FLOPs, paths, memory and the schedule of a net", add_arguments, run)

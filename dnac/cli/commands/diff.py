"""`dnac diff A B`: what differs between two nets in meaning, and which weights a checkpoint keeps; without torch.

Like `diff`, it exits with 0 where the nets are equal and with 1 where they differ (or a file has faults).
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from dnac.cli.base import Command
from dnac.cli.options import wants_json
from dnac.cli.select import check_net


def add_arguments(parser: ArgumentParser) -> None:
    """`FILE[:NET]` twice."""
    parser.add_argument("a", metavar="A", help="a .dna file, and which of its nets: FILE[:NET]")
    parser.add_argument("b", metavar="B", help="the other one: FILE[:NET]")


def run(args: Namespace) -> int:
    """Print the difference; 0 if there is none, 1 if there is one."""
    nets = [check_net(Namespace(**{**vars(args), "target": target})) for target in (args.a, args.b)]
    from dnac.schedule.diff import diff
    from dnac.schedule.diff_text import render_diff

    found = diff(nets[0].graph, nets[1].graph)
    print(json.dumps(found, indent=2) if wants_json(args) else render_diff(found), end="\n" if wants_json(args) else "")
    return 0 if found["equal"] else 1


COMMAND = Command("diff", "what differs between two nets, and which weights a checkpoint keeps", add_arguments, run)

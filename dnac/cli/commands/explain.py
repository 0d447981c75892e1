"""`dnac explain CODE`: what a diagnostic means, why it matters, and how to mend it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from dnac.cli.base import Command
from dnac.cli.options import wants_json
from dnac.cli.usage import WrongUse


def add_arguments(parser: ArgumentParser) -> None:
    """`[CODE]`"""
    parser.add_argument("code", metavar="CODE", nargs="?", help="a code such as DNA201; without one, all are listed")


def run(args: Namespace) -> int:
    """Print one page, or the list of all codes."""
    from dnac.text import explain

    if args.code is None:
        listed = {code: explain.title(code) for code in explain.codes()}
        text = "\n".join(f"{code}  {title}" for code, title in listed.items())
        print(json.dumps({"version": 1, "codes": listed}) if wants_json(args) else text)
        return 0
    try:
        page = explain.page(args.code)
    except explain.NoPage:
        raise WrongUse(f"no diagnostic has the code `{args.code}`", _near(args.code, explain.codes())) from None
    if wants_json(args):
        print(json.dumps({"version": 1, "code": page.split(":", 1)[0].lstrip("# "), "page": page}))
    else:
        sys.stdout.write(page)
    return 0


def _near(code: str, codes: tuple[str, ...]) -> str:
    from dnac.text.suggest import nearest

    near = nearest(code, codes)
    return f"did you mean `{near}`?" if near else "`dnac explain` lists all codes"


COMMAND = Command("explain", "explain a diagnostic code, or list all codes", add_arguments, run)

"""`dnac limits`: how large anything in a spec may be, and the code of what is larger."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from dnac.cli.base import Command
from dnac.cli.options import wants_json


def add_arguments(parser: ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: Namespace) -> int:
    """Print all budgets."""
    from dnac.text.limits import LIMITS

    if wants_json(args):
        rows = [
            {"name": limit.name, "value": limit.value, "unit": limit.unit, "of": limit.what, "code": limit.code}
            for limit in LIMITS
        ]
        print(json.dumps({"version": 1, "limits": rows}, indent=2))
        return 0
    wide = max(len(limit.what) for limit in LIMITS)
    far = max(len(f"{limit.value:,}") for limit in LIMITS)
    unit = max(len(limit.unit) for limit in LIMITS)
    for limit in LIMITS:
        print(f"{limit.what:{wide}}  {limit.value:>{far},} {limit.unit:{unit}}  {limit.code}")
    return 0


COMMAND = Command("limits", "how large anything in a spec may be", add_arguments, run)

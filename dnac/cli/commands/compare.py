"""`dnac compare RUN...`: seeds together, differences with intervals, loss against steps, FLOPs and time."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import status, wants_json
from dnac.cli.runs import outcome, table
from dnac.cli.usage import WrongUse

_DIGITS = {"accuracy": "{:.2%}", "exact_match": "{:.2%}", "skip_share": "{:.2%}"}
_TITLES = {"bits_per_byte": "bits/byte", "exact_match": "exact match", "skip_share": "skip share"}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folders of runs; the first is the baseline")
    parser.add_argument("--plot", metavar="PICTURE.svg", type=Path, help="draw loss against steps, FLOPs and time")


def _run(args: Namespace) -> int:
    if args.plot is not None and args.plot.suffix != ".svg":
        raise WrongUse(f"cannot draw `{args.plot}`", "give a name that ends in .svg")
    return outcome(_compare, args)


def _compare(args: Namespace) -> int:
    from dnac.report.comparison import draw
    from dnac.train.compare import compare
    from dnac.train.run import Run

    found = compare([Run.open(path) for path in args.runs])
    if args.plot is not None:
        args.plot.write_text(draw(found["curves"]))
        status(f"wrote {args.plot}")
    print(json.dumps(found) if wants_json(args) else as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """The comparison as tables."""
    parts = [_groups(found["groups"])]
    if found["differences"]:
        parts.append(f"difference from {found['groups'][0]['name']}, with 95 % intervals\n{_gaps(found)}")
    else:
        parts.append("one spec: nothing to compare it with")
    return "\n\n".join([*parts, *(f"note: {note}" for note in found["notes"])])


def _groups(groups: list[dict[str, Any]]) -> str:
    figures = list(groups[0]["figures"])
    head = ["", "seeds", *(_TITLES.get(f, f) for f in figures), "parameters", "FLOPs/token", "train FLOPs", "seconds"]
    rows = [
        [
            group["name"],
            str(len(group["runs"])),
            *(_shown(f, group["figures"][f]["mean"]) + _reach(f, group["figures"][f]) for f in figures),
            f"{group['params']['total']:,}",
            f"{group['measured_flops_per_token']['mean']:,.0f}",
            f"{group['train_flops']['mean']:.3g}",
            f"{group['seconds']['mean']:.1f}",
        ]
        for group in groups
    ]
    return table([head, *rows])


def _gaps(found: dict[str, Any]) -> str:
    rows = [["", "figure", "difference", "from", "to", "over"]]
    for gap in found["differences"]:
        figure = gap["figure"]
        low, high = ("" if gap[k] is None else _shown(figure, gap[k], sign="+") for k in ("low", "high"))
        seeds = f"{gap['count']} seed{'' if gap['count'] == 1 else 's'}"
        over = f"{gap['count']} pairs of seeds" if gap["paired"] else f"{seeds}, not paired"
        name = str(_TITLES.get(figure, figure))
        rows.append([str(gap["group"]), name, _shown(figure, gap["mean"], sign="+"), low, high, over])
    return table(rows)


def _shown(figure: str, value: float, sign: str = "") -> str:
    return _DIGITS.get(figure, "{:.4f}").replace("{:", "{:" + sign).format(value)


def _reach(figure: str, found: dict[str, Any]) -> str:
    """Half of the interval, where there is one."""
    return "" if found["low"] is None else f" ±{_shown(figure, found['high'] - found['mean'])}"


COMMAND = Command("compare", "compare runs: seeds, differences with intervals, loss against cost", _add_arguments, _run)

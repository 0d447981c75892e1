"""Options that commands share, so that one word means one thing everywhere."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TextIO


def add_common(parser: ArgumentParser) -> None:
    """`--format`, `--json`, `--kinds`, `--color`: every command has them."""
    group = parser.add_argument_group("common options")
    group.add_argument("--format", choices=("text", "json"), default="text", help="how to print the result")
    group.add_argument("--json", dest="format", action="store_const", const="json", help="short for --format json")
    group.add_argument(
        "--kinds", metavar="DIR", action="append", type=Path, default=[], help="a folder with kinds of your own"
    )
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="coloured messages")


def add_target(parser: ArgumentParser, what: str = "a .dna file, and which of its nets") -> None:
    """`FILE[:net]` and `--set name=value`."""
    parser.add_argument("target", metavar="FILE[:NET]", help=what)
    add_settings(parser)


def add_device(parser: ArgumentParser, what: str = "cpu, cuda, cuda:1 (default: the GPU where there is one)") -> None:
    """`--device`; whether this machine has the device is found out where it is used."""
    parser.add_argument("--device", default="auto", type=_device, help=what)


def add_by(parser: ArgumentParser, name: str) -> None:
    """`--by` or `--compile-by`: what is compiled as one graph."""
    what = "the net as one graph, or equal routing steps as one that they share, which compiles many steps sooner"
    parser.add_argument(name, choices=("whole", "steps"), help=f"compile {what} (default: whole)")


def add_cuda_graphs(parser: ArgumentParser) -> None:
    """`--cuda-graphs` and `--no-cuda-graphs`; None where neither is said."""
    parser.add_argument(
        "--cuda-graphs",
        action=BooleanOptionalAction,
        default=None,
        help="on a GPU, replay compiled train steps as CUDA graphs (default: where a step takes at most 10 TFLOPs)",
    )


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name):
        raise ArgumentTypeError(f"{name!r} is no device; write cpu, cuda or cuda:1")
    return name


def add_settings(parser: ArgumentParser) -> None:
    """`--set a.b=value`, any number of times."""
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a setting of the file, e.g. --set width=512 --set hop.choose='top(1)'",
    )


def wants_json(args: Namespace) -> bool:
    """Whether the result goes to stdout as JSON."""
    return getattr(args, "format", "text") == "json"


def wants_colour(args: Namespace | None, stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: asked for, or a terminal without NO_COLOR."""
    choice = getattr(args, "color", "auto")
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def status(text: str) -> None:
    """One line for the person at the terminal; never part of a result."""
    print(text, file=sys.stderr, flush=True)

"""`dnac check`: what is wrong with files, and what is proven about their nets, without torch."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, wants_json
from dnac.cli.select import parse_settings, render, split_target

if TYPE_CHECKING:
    from dnac.semantics.result import CheckedFile, CheckedNet, Verdict


def add_arguments(parser: ArgumentParser) -> None:
    """`FILE[:NET]...` and `--set`."""
    parser.add_argument(
        "targets", metavar="FILE[:NET]", nargs="+", help=".dna files, each with a net if only one counts"
    )
    add_settings(parser)


def run(args: Namespace) -> int:
    """Check all files; 1 if any has a fault."""
    checked = [_check(target, args) for target in args.targets]
    if wants_json(args):
        print(json.dumps({"version": 1, "files": [_as_json(path, file) for path, file in checked]}, indent=2))
    else:
        for path, file in checked:
            _show(path, file, args)
    return int(any(file.bag.has_errors for _, file in checked))


def _check(target: str, args: Namespace) -> tuple[str, CheckedFile]:
    """The file as people named it, and what is known of it. A file that cannot be read has one fault."""
    from dnac.driver import check
    from dnac.semantics.result import CheckedFile
    from dnac.text.diagnostic import Faults
    from dnac.text.files import read_source
    from dnac.text.source import Source

    path, net = split_target(target)
    settings = parse_settings(args.settings)
    try:
        return str(path), check(read_source(path), settings, net)
    except Faults as faults:
        return str(path), CheckedFile(Source(str(path), ""), (), (), faults.bag)


def _as_json(path: str, file: CheckedFile) -> dict[str, Any]:
    from dnac.text.render import as_json

    return {
        "path": path,
        "ok": not file.bag.has_errors,
        "diagnostics": [as_json(d) for d in file.bag],
        "declared": list(file.declared),
        "nets": [_net(net) for net in file.nets],
    }


def _net(net: CheckedNet) -> dict[str, Any]:
    """Facts that hold for every program of the net, and those of each program."""
    return {
        "name": net.name,
        "causal": _all(v.causal for v in net.verdicts.values()),
        "row_independent": all(v.row_independent for v in net.verdicts.values()),
        "programs": {program: _verdict(verdict) for program, verdict in net.verdicts.items()},
    }


def _all(facts: Any) -> bool | None:
    known = list(facts)
    return None if None in known else all(known)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"causal": verdict.causal, "row_independent": verdict.row_independent, "breaks": list(verdict.breaks)}


def _show(path: str, file: CheckedFile, args: Namespace) -> None:
    """Diagnostics to stderr, one line for each net to stdout."""
    for diagnostic in file.bag:
        print(render(diagnostic, args), file=sys.stderr, end="\n\n")
    errors = sum(d.severity == "error" for d in file.bag)
    if errors:
        print(f"{path}: {errors} error{'s' * (errors != 1)}", file=sys.stderr)
        return
    for net in file.nets:
        print(f"{path}:{net.name}: ok, {_words(net)}")
    if not file.nets:
        print(f"{path}: ok, no nets")


def _words(net: CheckedNet) -> str:
    """The verdicts in words; the generate program is named where it differs."""
    train, generate = net.verdicts["train"], net.verdicts["generate"]
    text = _facts(train)
    return text if train == generate else f"{text}; generating: {_facts(generate)}"


def _facts(verdict: Verdict) -> str:
    causal = {True: "causal", False: "not causal", None: "no order of tokens"}[verdict.causal]
    rows = "rows independent" if verdict.row_independent else "rows depend on one another"
    return ", ".join([causal, rows, *verdict.breaks])


COMMAND = Command("check", "check files: faults, and facts proven about each net", add_arguments, run)

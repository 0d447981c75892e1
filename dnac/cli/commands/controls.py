"""`dnac controls RUN`: a trained run whose routers' choices are replaced, and what its paths are like."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, wants_json
from dnac.cli.runs import add_data, add_run, opened, outcome, require_batches, table
from dnac.cli.usage import WrongUse

NAMES = ("random", "shuffled", "constant", "hash", "token", "untrained")


def _add_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_settings(parser)
    parser.add_argument(
        "--only", metavar="NAME", nargs="+", choices=NAMES, default=list(NAMES), help=f"of {', '.join(NAMES)}"
    )
    add_data(parser)


def _run(args: Namespace) -> int:
    require_batches(args)
    return outcome(_controls, args)


def _controls(args: Namespace) -> int:
    from dnac.train.controls import controls

    said, run, held = opened(args)
    if not held.network.steps:
        raise WrongUse(f"{args.run} has no routing step whose choice could be replaced", "give a run of a routed net")
    initial = run.spec_with(args.settings).build(seed=run.resolved["seeds"]["init"]).state_dict()
    told_by = "id" if held.network.graph.is_text else "place"
    found = {**said, "told_by": told_by, **controls(held, initial, args.only)}
    print(json.dumps(found) if wants_json(args) else as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """A row for each control, then what the paths are like."""
    from dnac.train.controls import SUMMARIES

    lines = [["choices", "loss", "change", "accuracy", "skipped", "FLOPs/token", ""]]
    for row in found["controls"]:
        skipped = "" if row["skip_share"] is None else f"{row['skip_share']:.2%}"
        shown = [f"{row['loss']:.4f}", f"{row['loss_change']:+.4f}", f"{row['accuracy']:.2%}", skipped]
        lines.append([row["control"], *shown, f"{row['active_flops_per_token']:,}", ""])
    means = "\n".join(f"{name.ljust(9)}  {SUMMARIES[name]}" for name in (row["control"] for row in found["controls"]))
    told_by = found.get("told_by", "id")
    head = f"{found['data']} (sha256 {found['data_sha256'][:12]}), step {found['step']}"
    paths = f"{_paths(found['paths'], told_by)}\n{_began(found)}"
    return f"{head}\n{table([line[:-1] for line in lines])}\n\n{means}\n\n{paths}"


def _paths(paths: dict[str, Any], told_by: str) -> str:
    """In words; what tells of a choice is the token's id, and in an image the place of the patch."""
    whole, steps = paths["path"], paths["steps"]
    told = [f"{_share(row['token_share'])} / {_share(row['context_share'])}" for row in steps]
    one, before = ("the token's id", "the id before") if told_by == "id" else ("the patch's place", "the place before")
    text = [
        f"{paths['tokens']:,} tokens took {paths['paths']:,} paths; entropy {paths['entropy']:.3f} nats, as of "
        f"{paths['effective_paths']:,.1f} equally frequent ones",
        f"told by {one} {whole['token']:.3f} nats ({_share(whole['token_share'])}), and beyond it by "
        f"{before} {whole['context']:.3f} nats ({_share(whole['context_share'])} of what is left), less chance",
        f"the same by routing step: {', '.join(told)}",
    ]
    return "\n".join([*text, _law(paths["laws"])])


def _began(found: dict[str, Any]) -> str:
    """The same of the network before its training, in short."""
    paths = found["paths_initial"]
    told = f"context {_share(paths['path']['context_share'])}"
    return f"before training: {paths['effective_paths']:,.1f} effective paths; {told}; {_law(paths['laws'])}"


def _law(laws: dict[str, Any] | None) -> str:
    if laws is None:
        return "too few different paths to fit a law"
    said = f"p = {laws['p']:.2g}, Vuong's z = {laws['vuong']:+.2f}"
    law = f"from {laws['xmin']} tokens on ({laws['tail']:,} paths) a power law has exponent {laws['alpha']:.2f}"
    law += f" ± {laws['alpha_error']:.2f} (distance {laws['distance']:.3f}); against a lognormal: "
    return f"{law}{laws['verdict']} ({said})"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


COMMAND = Command("controls", "measure a run with other choices than its routers', and its paths", _add_arguments, _run)

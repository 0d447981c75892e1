"""`dnac controls RUN`: a trained run whose routers' choices are replaced, and what its paths are like."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, wants_json
from dnac.cli.runs import add_data, add_run, outcome, require_batches, table, teller
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
    from dnac.train.assess import Exam, opened
    from dnac.train.controls import controls
    from dnac.train.run import Run
    from dnac.train.start import pick_device

    run, tell = Run.open(args.run), teller(args)
    exam = Exam(args.split, args.batch_size, args.batches, str(pick_device(args.device)), args.lowering)
    held = opened(run, args.settings, exam, tell)
    if not held.network.steps:
        raise WrongUse(f"{args.run} has no routing step whose choice could be replaced", "give a run of a routed net")
    initial = run.spec_with(args.settings).build(seed=run.resolved["seeds"]["init"]).state_dict()
    card = held.dataset.card
    found = {
        "version": 1,
        "run": str(run.path),
        "step": run.latest(tell).step,
        "split": args.split,
        "settings": args.settings,
        "data": card.name,
        "data_sha256": card.sha256,
        **controls(held, initial, args.only),
    }
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
    head = f"{found['data']} (sha256 {found['data_sha256'][:12]}), step {found['step']}"
    return f"{head}\n{table([line[:-1] for line in lines])}\n\n{means}\n\n{_paths(found['paths'])}\n{_began(found)}"


def _paths(paths: dict[str, Any]) -> str:
    """In words."""
    whole, steps = paths["path"], paths["steps"]
    told = [f"{_share(row['token_share'])} / {_share(row['context_share'])}" for row in steps]
    text = [
        f"{paths['tokens']:,} tokens took {paths['paths']:,} paths; entropy {paths['entropy']:.3f} nats, as of "
        f"{paths['effective_paths']:,.1f} equally frequent ones",
        f"told by the token's id {whole['token']:.3f} nats ({_share(whole['token_share'])}), and beyond it by the id "
        f"before {whole['context']:.3f} nats ({_share(whole['context_share'])} of what is left), less chance",
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

"""`dnac ablate RUN`: a trained run without its attention, its mlps, or named modules, beside the intact run."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, wants_json
from dnac.cli.runs import add_data, add_run, opened, outcome, require_batches, table


def _add_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_settings(parser)
    parser.add_argument(
        "--zero",
        metavar="NAME",
        nargs="+",
        default=[],
        help="what adds nothing, a row for each: attn, ffn, a kind, module, pool, part or step; a+b together",
    )
    parser.add_argument(
        "--each", choices=("part", "module", "step"), action="append", default=[], help="a row for every one of them"
    )
    add_data(parser)


def _run(args: Namespace) -> int:
    require_batches(args)
    return outcome(_ablate, args)


def _ablate(args: Namespace) -> int:
    from dnac.train.ablate import ablate

    said, _, held = opened(args)
    found = {**said, **ablate(held, args.zero, args.each)}
    print(json.dumps(found) if wants_json(args) else as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """The intact run's row, then one for each ablation."""
    intact, rows = found["intact"], found["ablations"]
    whole, used = intact["exact_match"] is not None, any(row["use"] is not None for row in rows)
    head = ["zeroed", "loss", "change", "accuracy", "change"]
    head += ["exact match"] * whole + ["use", "change per use"] * used
    lines = [head, ["nothing", *_scores(intact, whole), *[""] * (2 * used)]]
    for row in rows:
        use = ["" if row[k] is None else f"{row[k]:.4f}" for k in ("use", "loss_change_per_use")] if used else []
        lines.append([row["zeroed"], *_scores(row, whole), *use])
    title = f"{found['data']} (sha256 {found['data_sha256'][:12]}), {intact['targets']:,} targets, step {found['step']}"
    return f"{title}\n{table(lines)}"


def _scores(row: dict[str, Any], whole: bool) -> list[str]:
    loss, accuracy = (row.get(f"{name}_change") for name in ("loss", "accuracy"))
    shown = [f"{row['loss']:.4f}", "" if loss is None else f"{loss:+.4f}"]
    shown += [f"{row['accuracy']:.2%}", "" if accuracy is None else f"{accuracy:+.2%}"]
    return shown + ([f"{row['exact_match']:.2%}"] if whole else [])


COMMAND = Command("ablate", "measure a run without its attention, its mlps, or named modules", _add_arguments, _run)

"""`dnac eval RUN`: loss and scores of a trained run on its held-out data; `--sweep` varies it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from dnac.cli.base import Command
from dnac.cli.options import add_settings, status, wants_json
from dnac.cli.runs import add_data, add_run, exam_of, outcome, require_batches, table, teller
from dnac.cli.usage import WrongUse

_COLUMNS = {
    "loss": ("loss", "{:.4f}"),
    "bits_per_byte": ("bits/byte", "{:.4f}"),
    "perplexity": ("perplexity", "{:.3f}"),
    "accuracy": ("accuracy", "{:.2%}"),
    "exact_match": ("exact match", "{:.2%}"),
    "as_trained_loss": ("loss as trained, seeing later tokens", "{:.4f}"),
    "skip_share": ("skip share", "{:.2%}"),
    "active_flops_per_token": ("FLOPs/token", "{:,}"),
}


def _add_arguments(parser: ArgumentParser) -> None:
    add_run(parser)
    add_settings(parser)
    parser.add_argument(
        "--sweep",
        metavar="NAME=V,V,...",
        action="append",
        default=[],
        help="evaluate with each value, e.g. --sweep hop.choose='top(1),top(2)'; given twice: all combinations",
    )
    add_data(parser)


def _run(args: Namespace) -> int:
    require_batches(args)
    for text in args.sweep:
        if "=" not in text:
            raise WrongUse(f"`--sweep {text}` gives no values", "write --sweep name=value,value")
    return outcome(_evaluate, args)


def _evaluate(args: Namespace) -> int:
    from dnac.train.assess import assess
    from dnac.train.run import Run
    from dnac.train.sweep import combinations

    run = Run.open(args.run)
    step = run.latest(teller(args)).step
    exam = exam_of(args)
    results: list[dict[str, Any]] = []
    for varied in combinations(args.sweep):
        if varied:
            status(f"evaluating with {', '.join(varied)}")
        results.append(assess(run, (*args.settings, *varied), exam, teller(args)))
    if wants_json(args):
        print(json.dumps({"version": 1, "run": str(run.path), "step": step, "split": args.split, "results": results}))
    else:
        print(_text(results, step, len(args.settings)))
    return 0


def _text(results: list[dict[str, Any]], step: int, fixed: int) -> str:
    first = results[0]
    head = f"{first['data']} (sha256 {first['data_sha256'][:12]}), {first['targets']:,} targets, step {step}"
    return f"{head}\n{_one(first) if len(results) == 1 else _many(results, fixed)}"


def _one(found: dict[str, Any]) -> str:
    rows = [[title, _shown(found, key)] for key, (title, _) in _COLUMNS.items() if found[key] is not None]
    lines = [*rows, *_budgets(found), *_routers(found), *_levels(found)]
    width = max(len(row[0]) for row in lines)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)


def _budgets(found: dict[str, Any]) -> list[list[str]]:
    """What was really spent of each budget."""
    return [
        [f"budget {name}", f"{entry['reached']:.2%} spent, target {entry['target']:.2%}, {entry['over']:.2%} above it"]
        for name, entry in found.get("budgets", {}).items()
    ]


def _routers(found: dict[str, Any]) -> list[list[str]]:
    """What the choices of each router came to; a halting step has nothing but the way out."""
    rows = list[list[str]]()
    for name, entry in found["routers"].items():
        left = f"{entry['exit_share']:.2%} left" if entry["exit_share"] else ""
        if len(entry["load"]) == 1 and not entry["skip_share"] and entry["load"][0] == entry["exit_share"]:
            rows.append([f"  {name}", f"{entry['exit_share']:.2%} of the tokens still here left"])
            continue
        said = (f"{entry['skip_share']:.2%} skipped", left, f"largest load {max(entry['load']):.2%}")
        rows.append([f"  {name}", ", ".join(text for text in said if text)])
    return rows


def _levels(found: dict[str, Any]) -> list[list[str]]:
    """Scores by difficulty, where the data know it, and whether routers follow it."""
    rows = [
        [
            f"  difficulty {row['difficulty']}",
            f"accuracy {row['accuracy']:.2%}, loss {row['loss']:.4f}, {row['executed']:.2f} routed modules",
        ]
        for row in found["by_difficulty"]
    ]
    both = [found["depth_follows_difficulty"], found["depth_follows_steps"]]
    said = ["never varies" if each is None else f"{each:+.3f}" for each in both]
    return [*rows, ["depth follows", f"{said[0]}, among those above 0 {said[1]}"]] if rows else []


def _many(results: list[dict[str, Any]], fixed: int) -> str:
    keys = [key for key in _COLUMNS if all(found[key] is not None for found in results)]
    rows = [["settings", *(_COLUMNS[key][0] for key in keys)]]
    rows += [[" ".join(found["settings"][fixed:]), *(_shown(found, key) for key in keys)] for found in results]
    return table(rows)


def _shown(found: dict[str, Any], key: str) -> str:
    return _COLUMNS[key][1].format(found[key])


COMMAND = Command("eval", "measure a run on its held-out data, as it is or with other settings", _add_arguments, _run)

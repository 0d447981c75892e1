"""`dnac bench FILE...`: time nets beside what a user would write instead, in one process, turn by turn."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac import catalogue
from dnac.cli.base import Command
from dnac.cli.options import add_cuda_graphs, add_device, add_settings, status, wants_colour, wants_json
from dnac.cli.runs import outcome
from dnac.cli.select import check_net, render
from dnac.cli.usage import WrongUse
from dnac.text.suggest import nearest

if TYPE_CHECKING:
    from dnac.bench.base import Task
    from dnac.bench.bench import Wanted
    from dnac.semantics.result import CheckedNet

BATCH = 8
"""Sequences of a batch, for a net without a `train` block."""
ROUTES = ("uniform", "zipf", "one", "learned")


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("targets", metavar="FILE[:NET]", nargs="+", help="a .dna file, and which of its nets")
    add_settings(parser)
    baselines = ",".join(catalogue.names("baseline"))
    parser.add_argument("--against", metavar="NAMES", default="dense", help=f"of {baselines}; `none` (default dense)")
    parser.add_argument(
        "--routes", metavar="KINDS", default="uniform", help=f"choices forced, of {','.join(ROUTES)} (default uniform)"
    )
    parser.add_argument(
        "--skip", metavar="SHARES", type=_shares, default=(), help="shares of choices on identities, too: 25%%,50%%"
    )
    parser.add_argument("--learn", metavar="N", type=_count, default=100, help="train steps before `learned` (100)")
    parser.add_argument("--batch", metavar="N", type=_count, help="sequences or images of a step (default: as `train`)")
    parser.add_argument("--tokens", metavar="N", type=_count, help="tokens of a sequence (default: the context)")
    parser.add_argument(
        "--steps", metavar="N", type=_count, default=20, help="timed steps of each program (default 20)"
    )
    parser.add_argument("--precision", metavar="WORD", help="instead of the `train` block's: fp32, bf16, bf16_stream")
    parser.add_argument("--lowering", help="how the net is computed (default: what the schedule chooses here)")
    add_device(parser)
    parser.add_argument(
        "--compile", action=BooleanOptionalAction, default=True, help="compile net and baselines (naive is eager)"
    )
    add_cuda_graphs(parser)
    parser.add_argument(
        "--lock", metavar="FILE", type=Path, help="compile beside others that name FILE, measure one at a time"
    )
    parser.add_argument("--plot", metavar="PICTURE.svg", type=Path, help="draw the times as bars")


def _run(args: Namespace) -> int:
    if args.plot is not None and args.plot.suffix != ".svg":
        raise WrongUse(f"cannot draw `{args.plot}`", "give a name that ends in .svg")
    if args.lock is not None and not args.lock.parent.is_dir():
        raise WrongUse(f"no folder `{args.lock.parent}`", "give --lock a file in a folder that exists")
    args.against = () if args.against == "none" else _words("baseline", args.against, catalogue.names("baseline"))
    args.routes = _words("kind of routes", args.routes, ROUTES)
    if args.precision is not None:
        _words("precision", args.precision, catalogue.names("precision"))
    return outcome(_bench, args)


def _bench(args: Namespace) -> int:
    nets = [_checked(args, target) for target in args.targets]
    import torch

    from dnac.bench.bench import bench, facts
    from dnac.bench.turns import in_turn
    from dnac.report.benchmark import draw

    tasks = [_task(args, net) for net in nets]
    try:
        with in_turn(args.lock) as alone:
            found = bench(tasks, _wanted(args), status, alone)
    except torch.OutOfMemoryError:
        sizes = ", ".join(f"{task.batch} x {task.length} tokens" for task in tasks)
        raise WrongUse(f"no memory for all programs at {sizes}", "try a smaller --batch, or fewer --against") from None
    if args.plot is not None:
        args.plot.write_text(draw(found), encoding="utf-8")
        status(f"wrote {args.plot}")
    machine = facts(tasks[0].device)
    if wants_json(args):
        print(json.dumps({"version": 1, **machine, "nets": found}, indent=2))
    else:
        _show(machine, found, args)
    return 0


def _checked(args: Namespace, target: str) -> CheckedNet:
    return check_net(Namespace(**{**vars(args), "target": target}))


def _wanted(args: Namespace) -> Wanted:
    from dnac.bench.bench import Wanted

    # what skipping could save at most is known from the floor
    against = (*args.against, "floor") if args.skip and "floor" not in args.against else args.against
    return Wanted(against, args.routes, args.skip, args.steps, learn=args.learn)


def _task(args: Namespace, net: CheckedNet) -> Task:
    from dnac.bench.base import Task, Types
    from dnac.bench.recommend import recommended
    from dnac.kinds.train import TrainParams
    from dnac.train.settings import resolve
    from dnac.train.start import pick_device, precision_of

    train = TrainParams.model_validate(dict(net.train.args)) if net.train else None
    settings = resolve(train, net.graph, samples=1 << 30) if train else None  # only batch and precision matter here
    device = pick_device(args.device)
    unsaid = "bf16" if device.type == "cuda" else "fp32"
    precision = catalogue.get("precision", args.precision or unsaid)
    if settings is not None and args.precision is None:
        precision = precision_of(settings)
    _require_tokens(args.tokens, net)
    batch, types = args.batch or (settings.micro_batch if settings else BATCH), Types.of(precision)
    lowering, choices = args.lowering, None
    if lowering is None:
        found = recommended(net.graph, types, device, batch)
        lowering, choices = found.lowering, found.choices
        if found.note is not None:
            status(render(found.note, args))
        status(f"{net.name}: {found.lowering}, because {found.why}")
    accumulate = settings.train.accumulate if settings else 1
    recorded = args.compile and _is_recorded(args, net, device, accumulate, batch * (args.tokens or net.graph.tokens))
    return Task(net.graph, batch, device, types, args.compile, lowering, 0, choices, recorded, args.tokens)


def _is_recorded(args: Namespace, net: CheckedNet, device: Any, accumulate: int, tokens: int) -> bool:
    """As training would do it."""
    from dnac.schedule.plan import plan
    from dnac.train.compiling import is_recorded, why_not_recorded

    hindrance = why_not_recorded(accumulate, device, "whole")
    return is_recorded(args.cuda_graphs, hindrance, lambda: plan(net), tokens, status)


def _require_tokens(tokens: int | None, net: CheckedNet) -> None:
    if tokens is None:
        return
    if not net.graph.is_text:
        raise WrongUse(f"`{net.name}` reads images, whose tokens are their patches", "leave --tokens out")
    if tokens > net.graph.tokens:
        raise WrongUse(f"--tokens {tokens} is more than the context of `{net.name}`, {net.graph.tokens}")


def _words(what: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a list with commas, each once."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in words:
        if word not in known:
            close = nearest(word, known)
            raise WrongUse(
                f"no {what} `{word}`", f"did you mean {close}?" if close else f"there are {', '.join(known)}"
            )
    return words


def _shares(text: str) -> tuple[float, ...]:
    shares = tuple(_share(word.strip()) for word in text.split(",") if word.strip())
    return tuple(dict.fromkeys(share for share in shares if share))


def _share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no share; write 25% or 0.25") from None
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text!r} is not between 0 and 1; write 25% or 0.25")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


# --- the table -----------------------------------------------------------------------------------


def _show(machine: dict[str, Any], nets: list[dict[str, Any]], args: Namespace) -> None:
    import sys

    from rich.console import Console

    console = Console(no_color=not wants_colour(args, sys.stdout), highlight=False, soft_wrap=True)
    console.print(f"{machine['device']}, torch {machine['torch']}, {machine['threads']} threads", markup=False)
    for net in nets:
        console.print(_heading(net), markup=False)
        console.print(_times(net))
        if any(case["against"] for case in net["cases"]):
            console.print(_ratios(net))
        for note in net["notes"]:
            console.print(f"note: {note}", markup=False)


def _heading(net: dict[str, Any]) -> str:
    types = net["types"]
    stream = "" if types["stream"] == types["compute"] else f", stream {types['stream']}"
    how = "compiled, CUDA graphs" if net["cuda_graphs"] else "compiled" if net["compiled"] else "eager"
    peak = f" of {net['peak_tflops']:.0f} on paper" if net["peak_tflops"] else ""
    return (
        f"\n{net['net']}: {net['params']:,} parameters, {net['batch']} x {net['tokens']} tokens, {net['lowering']}, "
        f"{how}, {types['compute']}{stream}\na large product reaches {net['gemm_tflops']:.3g} TFLOP/s{peak}\n"
    )


def _times(net: dict[str, Any]) -> Any:
    """What each program took and reached; columns that this device cannot fill are left out."""
    columns: dict[str, list[str]] = {
        "program": [case["name"] for case in net["cases"]],
        "ms/step": [f"{case['ms']['median']:.2f}" for case in net["cases"]],
        "quartiles": [f"{case['ms']['q1']:.2f} {case['ms']['q3']:.2f}" for case in net["cases"]],
        "tokens/s": [f"{case['tokens_per_s']:,.0f}" for case in net["cases"]],
        "TFLOP/s": [f"{case['tflops']:.3g}" for case in net["cases"]],
        "of peak": [_or_none(case["of_peak"], "{:.1%}") for case in net["cases"]],
        "of product": [f"{case['of_gemm']:.1%}" for case in net["cases"]],
        "peak GiB": [_or_none(case["peak_bytes"], "{:.2f}", 2**30) for case in net["cases"]],
        "compile s": [_or_none(case["compile_seconds"], "{:.1f}") for case in net["cases"]],
    }
    return _table({head: cells for head, cells in columns.items() if any(cells)})


def _ratios(net: dict[str, Any]) -> Any:
    """By how much the net is faster than each baseline, per step and per active FLOP, and what identities saved."""
    rows = [(case, name, entry) for case in net["cases"] for name, entry in case["against"].items()]
    times = [entry["time"] for _, _, entry in rows]
    columns: dict[str, list[str]] = {
        "program": [case["name"] for case, _, _ in rows],
        "against": [name for _, name, _ in rows],
        "times faster": [f"{time['median']:.3f}" for time in times],
        "quartiles": [f"{time['q1']:.3f} {time['q3']:.3f}" for time in times],
        "per FLOP": [f"{entry['per_flop']:.3f}" for _, _, entry in rows],
        "memory": [_or_none(entry["memory"], "{:.3f}") for _, _, entry in rows],
        "surplus off": [_or_none(entry["memory_without_surplus"], "{:.3f}") for _, _, entry in rows],
        "saved": [_or_none(case["saving"] if name == "floor" else None, "{:.0%}") for case, name, _ in rows],
    }
    return _table({head: cells for head, cells in columns.items() if any(cells)})


def _table(columns: dict[str, list[str]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(columns):
        table.add_column(
            head, justify="left" if head in ("program", "against") else "right", no_wrap=i < 2 or head == "quartiles"
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _or_none(value: float | None, pattern: str, unit: float = 1) -> str:
    return "" if value is None else pattern.format(value / unit)


COMMAND = Command("bench", "time nets beside dense, naive and other baselines, forward to update", _add_arguments, _run)

"""`dnac compile`: build the program that `train` would run, say what it is, and keep it warm.

With `--dump-after PASS` it only prints the graph after that pass, without torch.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.cli.base import Command
from dnac.cli.options import add_by, add_cuda_graphs, add_device, add_target, status, wants_json
from dnac.cli.select import check_net, render
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.ir.graph import Graph
    from dnac.lowering.network import Network
    from dnac.schedule.instructions import Schedule
    from dnac.semantics.result import CheckedNet
    from dnac.train.settings import Settings

BATCH = 8
"""Sequences of a batch, for a net without a `train` block."""


def add_arguments(parser: ArgumentParser) -> None:
    """What to compile, for what, and where to leave it."""
    add_target(parser)
    parser.add_argument("-o", dest="out", metavar="DIR", type=Path, help="where to leave plan, schedule and program")
    parser.add_argument("--dump-after", metavar="PASS", action="append", default=[], help="print a graph instead")
    parser.add_argument("--level", choices=("O0", "O1", "O2"), default="O2", help="passes to run (default O2)")
    parser.add_argument("--lowering", help="how the net is computed (default: what the schedule chooses here)")
    add_device(parser)
    add_by(parser, "--by")
    add_cuda_graphs(parser)
    parser.add_argument("--batch", metavar="N", type=int, help="sequences of a batch (default: as `train` says)")


def run(args: Namespace) -> int:
    """Dump graphs, or compile."""
    if args.out is not None and not _may_hold(args.out):
        raise WrongUse(f"{args.out} holds something else", "name a new folder, or one that `dnac compile` made")
    if args.batch is not None and args.batch < 1:
        raise WrongUse("--batch must be 1 or more")
    net = check_net(args)
    return _dump(net, args) if args.dump_after else _compile(net, args)


def _dump(net: CheckedNet, args: Namespace) -> int:
    from dnac.ir.printer import print_graph
    from dnac.passes.pipeline import optimize, passes

    known = ["elaborate", *(step.name for step in passes(args.level))]
    for name in args.dump_after:
        if name not in known:
            raise WrongUse(f"no pass `{name}` at {args.level}", f"there are {', '.join(known)}")
    graphs: dict[str, Graph] = {}
    optimize(net.graph, args.level, lambda name, graph: graphs.__setitem__(name, graph))
    texts = {name: print_graph(graphs[name]) for name in args.dump_after}
    if wants_json(args):
        print(json.dumps({"version": 1, "net": net.name, "level": args.level, "graphs": texts}, indent=2))
    else:
        print("\n".join(f"// after {name}\n{text}" for name, text in texts.items()), end="")
    return 0


def _compile(net: CheckedNet, args: Namespace) -> int:
    from dnac.passes.pipeline import optimize
    from dnac.schedule.build import build_schedule

    schedule = build_schedule(optimize(net.graph, args.level))
    if args.out is not None:
        from dnac.lowering.warm import keep_in

        _write_texts(args.out, net, args.level, schedule)
        keep_in(args.out)
    report = {"net": net.name, "level": args.level, "regions": _regions(schedule), **_measured(net, args)}
    if args.out is not None:
        from dnac.lowering.warm import write_report

        write_report(args.out, net.graph, report)
    if wants_json(args):
        print(json.dumps({"version": 1, **report, "out": str(args.out) if args.out else None}, indent=2))
    else:
        _show(report, args)
    return 0


def _may_hold(out: Path) -> bool:
    """Whether a folder is ours to write into: not there, empty, or compiled before."""
    if not out.exists():
        return True
    return out.is_dir() and (not any(out.iterdir()) or (out / "resolved.ir").exists())


def _write_texts(out: Path, net: CheckedNet, level: str, schedule: Schedule) -> None:
    from dnac.ir.printer import print_graph
    from dnac.schedule.plan import plan
    from dnac.schedule.printer import print_schedule

    out.mkdir(parents=True, exist_ok=True)
    (out / "compiled.json").unlink(missing_ok=True)  # the old report says nothing about what comes now
    (out / "resolved.ir").write_text(print_graph(net.graph), encoding="utf-8")
    (out / "plan.json").write_text(json.dumps(plan(net, level), indent=2) + "\n", encoding="utf-8")
    (out / "schedule.txt").write_text(print_schedule(schedule), encoding="utf-8")


def _regions(schedule: Schedule) -> list[dict[str, int | str]]:
    """Rolled turns: each is one piece of schedule, run several times."""
    from dnac.schedule.instructions import Repeat

    repeats = (i for i in schedule.instructions if isinstance(i, Repeat))
    return [{"out": i.out, "turns": len(i.steps), "instructions": len(i.body)} for i in repeats]


def _measured(net: CheckedNet, args: Namespace) -> dict[str, Any]:
    """Compile the train program for one micro-batch; what it is and what that took."""
    import torch

    from dnac import catalogue
    from dnac.kinds.train import TrainParams
    from dnac.lowering.compile import compile_network, measure
    from dnac.lowering.network import Network
    from dnac.lowering.tune import tune
    from dnac.schedule.types import types_of
    from dnac.train.losses import warm_loss
    from dnac.train.settings import resolve
    from dnac.train.start import pick_device, precision_of

    train = TrainParams.model_validate(dict(net.train.args)) if net.train else None
    settings = resolve(train, net.graph, samples=1 << 30) if train else None  # only the batch matters here
    precision = precision_of(settings) if settings else catalogue.get("precision", "fp32")
    size = args.batch or (settings.micro_batch if settings else BATCH)
    device = pick_device(args.device)
    dtype = getattr(torch, precision.dtype)
    tuned = tune(net.graph, device, types_of(net.train), size, level=args.level, contested=True, tell=status)
    if tuned.note is not None:
        status(render(tuned.note, args))
    choices = {} if args.lowering else tuned.choices.given
    lowering = args.lowering or tuned.choices.lowering
    network = Network(net.graph, lowering, device, dtype, level=args.level, stream=precision.stream, choices=choices)
    cuda_graphs = settings is not None and _is_recorded(net, settings, device, args)
    compile_network(network, args.by or "whole", cuda_graphs=cuda_graphs)
    facts = {
        "lowering": network.lowering,
        "choices": choices,
        "device": str(device),
        "dtype": precision.dtype,
        "autocast": precision.autocast,
        "batch": size,
        "by": network.compiled_by or None,
        "cuda_graphs": network.cuda_graphs,
        "notes": list(network.notes),
    }
    if not network.is_compiled:
        return {**facts, "graphs": 0, "breaks": None, "compile_seconds": None}
    status(f"compiling the train program for {size} sequences on {device}")
    autocast = getattr(torch, precision.autocast) if precision.autocast else None
    found = measure(network.train(), _inputs(net.graph, size, device, dtype), autocast, **_given(network, size, device))
    if settings is not None:
        warm_loss(found.logits, settings.train.label_smoothing, cuda_graphs=cuda_graphs)
    return {**facts, "graphs": found.graphs, "breaks": found.breaks, "compile_seconds": round(found.seconds, 2)}


def _is_recorded(net: CheckedNet, settings: Settings, device: Any, args: Namespace) -> bool:
    """Whether training would replay its steps as CUDA graphs: other programs than those without."""
    from dnac.schedule.plan import plan
    from dnac.train.compiling import is_recorded, why_not_recorded

    hindrance = why_not_recorded(settings.train.accumulate, device, args.by or "whole")
    return is_recorded(args.cuda_graphs, hindrance, lambda: plan(net), settings.tokens_per_step, status)


def _inputs(graph: Graph, size: int, device: Any, dtype: Any) -> Any:
    """A batch of the shape that training gives."""
    import torch

    source: dict[str, Any] = dict(graph.input.args)
    if graph.is_text:
        return torch.randint(source["vocabulary"], (size, graph.tokens), device=device)
    return torch.rand((size, *source["size"], source["channels"]), device=device, dtype=dtype)


def _given(network: Network, size: int, device: Any) -> dict[str, Any]:
    """What a train step gives besides inputs."""
    import torch

    from dnac.lowering.knobs import starts

    return {
        "seeds": torch.tensor([0, 1], device=device),
        "samples": torch.arange(size, device=device),
        "knobs": starts(network.graph).to(device),
    }


def _graphs(report: dict[str, Any]) -> str:
    count = report["graphs"]
    return f"{count} graphs, shared by equal steps" if report["by"] == "steps" else f"{count} graph"


def _show(report: dict[str, Any], args: Namespace) -> None:
    kinds = f"{report['dtype']}, autocast {report['autocast']}" if report["autocast"] else report["dtype"]
    regions = ", ".join(f"{r['turns']} turns of {r['instructions']} instructions" for r in report["regions"])
    rows = {
        "net": f"{report['net']} at {report['level']}",
        "lowering": f"{report['lowering']} on {report['device']}, {kinds}, {report['batch']} sequences",
        "regions": regions or "none",
    }
    if report["breaks"] is not None:
        rows["program"] = f"{_graphs(report)}, {report['breaks']} graph breaks"
        rows["compiled"] = f"in {report['compile_seconds']:.1f} s"
    if report["choices"]:
        rows["choices"] = ", ".join(f"{group} {name}" for group, name in report["choices"].items())
    for note in report["notes"]:
        rows.setdefault("note", note)
    if args.out is not None:
        rows["left in"] = f"{args.out}: resolved.ir, plan.json, schedule.txt, compiled.json, cache/"
    print("\n".join(f"{name:9} {text}" for name, text in rows.items()))


COMMAND = Command("compile", "build the program that train runs, and keep it warm in a folder", add_arguments, run)

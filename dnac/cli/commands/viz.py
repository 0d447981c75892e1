"""`dnac viz FILE|RUN -o net.svg`: draw a net; for a run, with what its routers chose on held-out data."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from dnac.cli.base import Command
from dnac.cli.options import add_device, add_settings, status, wants_json
from dnac.cli.select import check_net, render, split_target
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.report.base import Material
    from dnac.report.record import Record
    from dnac.train.run import Run


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="FILE[:NET]|RUN", help="a .dna file, or the folder of a run")
    add_settings(parser)
    parser.add_argument(
        "-o",
        dest="out",
        metavar="PICTURE",
        action="append",
        type=Path,
        default=[],
        help="where to write: .svg or .png (with Graphviz), .dot, .mmd (Mermaid), .html; as often as you like",
    )
    parser.add_argument("--batches", type=int, default=8, help="for a run: held-out batches to route (default 8)")
    parser.add_argument("--record", metavar="FILE.npz", type=Path, help="for a run: also keep the routing record")
    add_device(parser, "for a run: where to route (default: the GPU where there is one)")


def _run(args: Namespace) -> int:
    outputs = [_checked(path) for path in args.out]
    if not outputs:
        raise WrongUse("where shall the picture go?", "say -o net.svg, -o net.html or another of .png, .dot, .mmd")
    material = _material(args)
    from dnac.report.write import write

    for path in outputs:
        write(material, path)
    if wants_json(args):
        print(json.dumps({"version": 1, "net": material.graph.name, "files": [str(path) for path in outputs]}))
    else:
        status(f"{material.graph.name}: wrote {', '.join(str(path) for path in outputs)}")
    return 0


def _checked(path: Path) -> Path:
    """A path whose form can be written here; found out before any work is done."""
    from dnac.report.dot import is_installed
    from dnac.report.write import FORMS, NEEDS_DOT

    if path.suffix not in FORMS:
        raise WrongUse(f"cannot draw `{path}`: a picture ends in {', '.join(FORMS)}")
    if path.suffix in NEEDS_DOT and not is_installed():
        help = "install Graphviz (`apt install graphviz`), or write .html, .mmd or .dot"
        raise WrongUse(f"{path.suffix} needs the program `dot`, which is not installed", help)
    if not path.parent.is_dir():
        raise WrongUse(f"cannot write `{path}`: no folder `{path.parent}`")
    return path


def _material(args: Namespace) -> Material:
    from dnac.report.base import Material

    path, net = split_target(args.target)
    if path.is_dir():
        if net is not None:
            raise WrongUse(f"`{path}` is a run, which has one net", f"say {path}")
        return _of_run(args, path)
    from dnac.schedule.plan import plan

    checked = check_net(args)
    return Material(checked.graph, plan(checked), args.target)


def _of_run(args: Namespace, path: Path) -> Material:
    from dnac.report.base import Material
    from dnac.train.run import Run

    run = Run.open(path)
    spec = run.spec_with(args.settings)
    record = _record(args, run) if spec.plan()["routing_steps"] else None
    if record is not None and args.record is not None:
        from dnac.report.record import save

        save(record, args.record)
    return Material(spec.graph, spec.plan(), args.target, tuple(run.metrics()), record)


def _record(args: Namespace, run: Run) -> Record:
    """What the run's routers choose on the first batches of its validation data."""
    from dnac.data import load, load_tokenizer
    from dnac.ir.form import Form
    from dnac.report.record import collect
    from dnac.train.start import pick_device

    device = str(pick_device(args.device))
    network = run.network(lambda d: status(render(d, args)), settings=args.settings, device=device)
    source = network.graph.input
    valid = run.train["valid"]
    assert isinstance(valid, Form)
    tokenizer = load_tokenizer(source, run.root) if network.graph.is_text else None
    return collect(network, load(valid, source, run.root), batches=args.batches, tokenizer=tokenizer)


COMMAND = Command(
    name="viz",
    help="draw a net, or a run with what its routers chose",
    add_arguments=_add_arguments,
    run=_run,
)

"""`dnac profile RUN|FILE[:NET]`: how much each layer changes the residual stream, by branch and token."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnac.cli.base import Command
from dnac.cli.options import add_device, add_settings, status, wants_json
from dnac.cli.runs import outcome, require_batches, table, teller
from dnac.cli.select import check_net, split_target
from dnac.cli.usage import WrongUse

if TYPE_CHECKING:
    from dnac.data.base import Dataset
    from dnac.lowering.network import Network
    from dnac.semantics.result import CheckedNet


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="RUN|FILE[:NET]", help="a run, or a .dna file whose train block names the data"
    )
    add_settings(parser)
    parser.add_argument("--batches", type=int, metavar="N", default=8, help="held-out batches to look at (default 8)")
    parser.add_argument("--batch-size", type=int, metavar="N", default=8, help="samples at once (default 8)")
    parser.add_argument("-o", dest="out", metavar="PAGE.html", type=Path, help="also write a page with a picture")
    add_device(parser, "where to compute (default: the GPU where there is one)")


def _run(args: Namespace) -> int:
    require_batches(args)
    if args.out is not None and args.out.suffix != ".html":
        raise WrongUse(f"cannot write `{args.out}`: the page ends in .html")
    return outcome(_profile, args)


def _profile(args: Namespace) -> int:
    from dnac.train.profile import profile

    checked, network, root = _opened(args)
    dataset = _held_out(checked, root, args)
    device = next(network.parameters()).device
    batches = (batch.inputs.to(device) for batch in islice(dataset.sequential(args.batch_size), args.batches))
    found = profile(network, batches)
    shown: dict[str, Any] = {
        "version": 1,
        "net": checked.name,
        "data": dataset.card.name,
        "data_sha256": dataset.card.sha256,
        "branches": found.rows(),
        "tokens": found.tokens(),
    }
    if args.out is not None:
        _draw(checked, shown, args)
    print(json.dumps(shown) if wants_json(args) else as_text(shown))
    return 0


def _held_out(checked: CheckedNet, root: Path, args: Namespace) -> Dataset:
    """The `valid` data of the net's train block."""
    from dnac import data
    from dnac.ir.form import Form

    if checked.train is None:
        raise WrongUse(f"`{args.target}` names no data", "add a `train` block, or profile a run")
    valid = checked.train["valid"]
    assert isinstance(valid, Form)
    return data.load(valid, checked.graph.input, root)


def _draw(checked: CheckedNet, shown: dict[str, Any], args: Namespace) -> None:
    from dnac.report.base import Material
    from dnac.report.write import write
    from dnac.schedule.plan import plan

    write(Material(checked.graph, plan(checked), args.target, profile=shown), args.out)
    status(f"wrote {args.out}")


def _opened(args: Namespace) -> tuple[CheckedNet, Network, Path]:
    """The net, with the weights of its run or those that it starts with; and the folder of its data's paths."""
    from dnac.driver import Spec
    from dnac.text.files import read_source
    from dnac.train.run import Run
    from dnac.train.start import pick_device

    device = str(pick_device(args.device))
    path, _ = split_target(args.target)
    if path.is_dir():
        run = Run.open(path)
        spec = run.spec_with(args.settings)
        network = spec.build(device=device, level="O1", seed=run.resolved["seeds"]["init"])
        run.load_into(network, teller(args))
        return spec.net, network, run.root
    checked = check_net(args)
    spec = Spec(read_source(path), checked)
    return checked, spec.build(device=device, level="O1"), path.resolve().parent


def as_text(found: dict[str, Any]) -> str:
    """A row for each branch: how much it changes the stream."""
    head = ["branch", "median", "10 %", "90 %", "mean", "share of the result", "tokens"]
    rows = [
        [row["name"], *(f"{row[key]:.3f}" for key in ("median", "low", "high", "mean", "share")), f"{row['tokens']:,}"]
        for row in found["branches"]
    ]
    title = f"|increment| / |stream| on {found['data']} (sha256 {found['data_sha256'][:12]})"
    return f"{title}\n{table([head, *rows])}"


COMMAND = Command("profile", "how much each layer changes the residual stream", _add_arguments, _run)

"""Checkpoints that a net starts from, compared with it by their headers: no torch, and no weight is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dnac.ir.graph import Graph, Pretrained
from dnac.kinds.llama import unfit, wanted
from dnac.semantics import errors_weights as errors
from dnac.semantics.result import CheckedNet
from dnac.semantics.run_files import RunHeader, is_run, misfits, read_run
from dnac.text.diagnostic import Bag, Diagnostic
from dnac.text.source import Span
from dnac.text.weight_files import Header, Unreadable, read_header

_SHOWN = 6


def check_weights(net: CheckedNet, folder: Path, bag: Bag) -> None:
    """Add a fault for each checkpoint that is not there, or is of another model. `folder`: that of the spec."""
    known: dict[str, Header | str] = {}
    for start in (each for each in net.graph.pretrained if not each.of):
        span = _place(net, start)
        if start.file not in known:
            known[start.file] = _read(folder / start.file)
        header = known[start.file]
        if isinstance(header, str):
            _tell(errors.weights_unreadable(start.file, header, span, is_run=is_run(folder / start.file)), bag)
        elif found := list(_misfits(net.graph, start, header)):
            _tell(errors.weights_differ(start.file, found[0], span, found[1:_SHOWN]), bag)
    _check_runs(net, folder, bag)


def _check_runs(net: CheckedNet, folder: Path, bag: Bag) -> None:
    """The same of runs of dnac, one `init` after the other."""
    known: dict[str, RunHeader | str] = {}
    wishes: dict[Span, list[Pretrained]] = {}
    for start in (each for each in net.graph.pretrained if each.of):
        wishes.setdefault(_place(net, start), []).append(start)
    for span, starts in wishes.items():
        file = starts[0].file
        if file not in known:
            known[file] = _read_run(folder / file)
        run = known[file]
        if isinstance(run, str):
            _tell(errors.run_unreadable(file, run, span), bag)
        elif found := list(misfits(net.graph, starts, run.graph)):
            _tell(errors.weights_differ(file, found[0], span, found[1:_SHOWN]), bag)


def _place(net: CheckedNet, start: Pretrained) -> Span:
    return net.places.get(f"start {start.set}", net.places["net"])


def _tell(fault: Diagnostic, bag: Bag) -> None:
    if all((fault.message, fault.span) != (told.message, told.span) for told in bag):
        bag.add(fault)


def _read(path: Path) -> Header | str:
    try:
        return read_header(path)
    except Unreadable as why:
        return str(why)


def _read_run(path: Path) -> RunHeader | str:
    try:
        return read_run(path)
    except Unreadable as why:
        return str(why)


def _misfits(graph: Graph, start: Pretrained, header: Header) -> Iterator[str]:
    if start.layers and max(start.layers) >= header.layers:
        yield f"it has {header.layers} layers, and layer {max(start.layers)} is asked for"
        return
    yield from unfit(graph, start, header.config)
    for each in wanted(graph, start):
        for names in each.names:
            for name, shape in zip(names, each.shapes, strict=True):
                if name not in header.shapes:
                    yield f"`{name}` is missing"
                elif header.shapes[name] != shape:
                    yield f"`{name}` is {list(header.shapes[name])}, the net needs {list(shape)}"

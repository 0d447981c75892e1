"""Checkpoints that a net starts from, compared with it by their headers: no torch, and no weight is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dnac.ir.graph import Graph, Pretrained
from dnac.kinds.llama import unfit, wanted
from dnac.semantics import errors_weights as errors
from dnac.semantics.result import CheckedNet
from dnac.text.diagnostic import Bag
from dnac.text.weight_files import Header, Unreadable, read_header

_SHOWN = 6


def check_weights(net: CheckedNet, folder: Path, bag: Bag) -> None:
    """Add a fault for each checkpoint that is not there, or is of another model. `folder`: that of the spec."""
    known: dict[str, Header | str] = {}
    for start in net.graph.pretrained:
        span = net.places.get(f"start {start.set}", net.places["net"])
        if start.file not in known:
            known[start.file] = _read(folder / start.file)
        header = known[start.file]
        if isinstance(header, str):
            fault = errors.weights_unreadable(start.file, header, span)
        else:
            found = list(_misfits(net.graph, start, header))
            if not found:
                continue
            fault = errors.weights_differ(start.file, found[0], span, found[1:_SHOWN])
        if all((fault.message, fault.span) != (told.message, told.span) for told in bag):
            bag.add(fault)


def _read(path: Path) -> Header | str:
    try:
        return read_header(path)
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

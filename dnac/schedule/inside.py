"""What happens inside one module to one row, as sizes: linear layers, and what stands between them.

A part is a chain of linear layers `[I, O]` behind an optional norm. What stands between two of them
(an activation, attention) reads what the first wrote and writes what the second reads. After each
part but the last the row's stream is made anew: two reads and a write of width D.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from dnac import catalogue
from dnac.ir.form import Form
from dnac.ir.graph import Part
from dnac.kinds.base import ModuleKind
from dnac.schedule.sizes import Sizes
from dnac.schedule.types import Types


class Layer(NamedTuple):
    """A linear layer: how many numbers a row has before and behind it."""

    inner: int
    outer: int


class PartSizes(NamedTuple):
    """One part of a module."""

    has_norm: bool
    mixes: bool
    """Whether tokens mix in it."""
    layers: tuple[Layer, ...]


def part_sizes(sizes: Sizes, parts: Sequence[Part]) -> tuple[PartSizes, ...]:
    """The parts of one make of module."""
    return tuple(_part(sizes, part) for part in parts)


def _part(sizes: Sizes, part: Part) -> PartSizes:
    kind: ModuleKind = catalogue.get("module", part.kind.name)
    norm = part.kind.get("norm")
    matrices = [spec.shape for spec in sizes.part_weights(part) if len(spec.shape) > 1 and spec.is_product]
    layers = tuple(Layer(prod(shape[:-1]), shape[-1]) for shape in matrices)
    return PartSizes(isinstance(norm, Form) and norm.name != "none", kind.mixes_tokens, layers)


def moved(parts: Sequence[PartSizes], width: int, types: Types) -> int:
    """Bytes that one row reads and writes on its way through a module, weights not counted."""
    work, stream = types.size("work"), types.size("stream")
    found = 3 * width * stream * (len(parts) - 1) if parts else 0
    for part in parts:
        found += width * (stream + work) if part.has_norm else 0
        found += work * sum(layer.inner + layer.outer for layer in part.layers)
        found += work * sum(a.outer + b.inner for a, b in pairwise(part.layers))
    return found


def kept(parts: Sequence[PartSizes], width: int, types: Types) -> int:
    """Bytes that one row leaves inside a module for the backward pass, the row itself not counted.

    Every layer keeps its input, what stands between two layers the output of the first, and the
    norm of a later part the stream that it read.
    """
    found = width * types.size("stream") * sum(part.has_norm for part in parts[1:])
    for part in parts:
        found += types.size("work") * sum(layer.inner for layer in part.layers)
        found += types.size("work") * sum(layer.outer for layer in part.layers[:-1])
    return found


def scratch(parts: Sequence[PartSizes], types: Types) -> int:
    """Bytes of the two widest neighbours inside a module: what it needs at once for one row."""
    pairs = [layer.inner + layer.outer for part in parts for layer in part.layers]
    pairs += [a.outer + b.inner for part in parts for a, b in pairwise(part.layers)]
    return types.size("work") * max(pairs, default=0)

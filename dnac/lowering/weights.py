"""Where the weights of several modules are found in the state dict, and how they become one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from dnac.ir.graph import Graph, Member
from dnac.kinds.declared import key_of
from dnac.lowering.device import constant


@dataclass(frozen=True)
class Stack:
    """Where one weight of several modules is found: state-dict keys, and places on their stacking axes."""

    pieces: tuple[tuple[str, tuple[int, ...] | None, bool], ...]
    """(key, indices or None for an unstacked tensor, whether the indices are the whole axis)"""

    def of(self, weights: Mapping[str, Tensor]) -> Tensor:
        """[modules, ...]: the declared tensor itself, a slice of it, or the modules' parts joined."""
        found = [_picked(weights[key], indices, whole) for key, indices, whole in self.pieces]
        return found[0] if len(found) == 1 else torch.cat(found)


def stack_of(graph: Graph, members: tuple[Member, ...], *names: str) -> Stack:
    """Where the weight `names` (part, weight) of these modules is found, in their order."""
    pieces: list[tuple[str, tuple[int, ...] | None, bool]] = []
    for name, run in groupby(members, key=lambda member: member.set):
        indices = tuple(member.index for member in run)
        part = next(part for part in graph.module[name].parts if part.name == names[0])
        key, count = key_of(*part.home(name), *names[1:]), graph.module[name].count
        if count is None:
            pieces.extend((key, None, False) for _ in indices)
        else:
            chosen = tuple(i for i in indices if i is not None)
            pieces.append((key, chosen, chosen == tuple(range(count))))
    return Stack(tuple(pieces))


def _picked(tensor: Tensor, indices: tuple[int, ...] | None, whole: bool) -> Tensor:
    if indices is None:
        return tensor[None]
    if whole:
        return tensor
    first, count = indices[0], len(indices)
    if indices == tuple(range(first, first + count)):
        return tensor[first : first + count]
    return tensor[constant(indices, torch.int64, tensor.device)]

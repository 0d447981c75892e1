"""Declared weights to parameters and buffers of a `torch.nn.Module`, with stable state-dict names.

Initial values depend on the seed and the weight's canonical name only: adding a module, choosing a
lowering, a device or a dtype changes nobody else's values.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from dnac import catalogue
from dnac.ir.graph import Graph
from dnac.kinds.base import InitKind, params_of
from dnac.kinds.declared import Declared, buffers, declared
from dnac.text.diagnostic import InternalError


class Names(nn.Module):
    """A level of names in the state dict. Children are read by name only, never as attributes, so
    a pool may be called `type` or `training`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":  # else refused where a child has this name
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)


def bind(root: Names, graph: Graph, *, device: torch.device, dtype: torch.dtype, seed: int) -> None:
    """Give `root` all parameters and buffers of a graph; values unless on `meta`."""
    for entry in declared(graph):
        level, name = _place(root, entry.key)
        level._parameters[name] = nn.Parameter(_filled(entry, device, dtype, seed), requires_grad=entry.trains)
    for key, size in buffers(graph):
        level, name = _place(root, key)
        level._buffers[name] = torch.zeros(size, dtype=torch.float32, device=device)


def initial(entry: Declared, seed: int) -> Tensor:
    """Initial values of one declared weight: float32 on the CPU, each module drawn on its own."""
    kind: InitKind = catalogue.get("init", entry.spec.init.name)
    if kind.draw is None:
        raise InternalError("lowering.bind", f"the init `{kind.name}` has no `draw`")
    params = params_of(kind, entry.spec.init)
    drawn = [kind.draw(params, entry.spec.shape, _generator(seed, name)) for name in entry.names]
    return torch.stack(drawn) if entry.is_stacked else drawn[0]


def _filled(entry: Declared, device: torch.device, dtype: torch.dtype, seed: int) -> Tensor:
    if device.type == "meta":
        return torch.empty(entry.shape, dtype=dtype, device=device)
    return initial(entry, seed).to(device=device, dtype=dtype)


def _generator(seed: int, name: str) -> torch.Generator:
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def _place(root: Names, key: str) -> tuple[nn.Module, str]:
    *path, name = key.split(".")
    level: nn.Module = root
    for step in path:
        if step not in level._modules:
            level._modules[step] = Names()
        level = level._modules[step]  # type: ignore[assignment]
    return level, name

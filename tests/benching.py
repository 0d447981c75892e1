"""The same weights in a network and in a baseline, for tests that compare the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from checking import graph
from dnac.bench.base import Task, Types
from dnac.bench.dense import Attention, DenseNet, Ends, Mlp
from dnac.bench.naive import Block, NaiveNet
from dnac.ir import traits
from dnac.ir.graph import Apply, Graph
from dnac.kinds.declared import key_of
from dnac.lowering.network import Network

FP32 = Types(torch.float32, torch.float32, torch.float32)
CPU = torch.device("cpu")

GPT = """dna 1
net gpt {
  input text(context = 12, vocabulary = 40)
  embed tokens(16, positions = learned)
  repeat 3 { transformer(heads = 2) }
  head lm = unembed(tied = false, norm = none)
}
"""
"""`specs/gpt2_medium.dna`, small."""

LLAMA = """dna 1
net llama {
  input text(context = 12, vocabulary = 40)
  embed tokens(16, positions = rope(100))
  repeat 2 { transformer(heads = 4, kv_heads = 2, norm = rms, mlp = swiglu(24)) }
  head lm = unembed(tied = true, norm = rms)
}
"""

VIT = """dna 1
net vit {
  input image([8, 8], channels = 3, classes = 5)
  embed patches(16, size = 4, positions = learned, class_token = true)
  repeat 2 { transformer(heads = 2) }
  head cls = classify(pool = class_token, norm = layer)
}
"""

DNA = """dna 1
param k = 2
net routed {
  input text(context = 12, vocabulary = 40)
  embed tokens(16, positions = rope())
  transformer(heads = 2, norm = rms)
  pool nodes { block[3] = transformer(heads = 2, norm = rms); skip[2] = identity() }
  repeat 3 { hop: route nodes by { choose = top(k); weight = raw; balance = [] } }
  head lm = unembed(tied = false, norm = rms)
}
"""

MOE = """dna 1
net moe {
  input text(context = 12, vocabulary = 40)
  embed tokens(16, positions = rope())
  repeat 2 {
    attention(heads = 2, norm = rms)
    pool experts(norm = rms) { ffn[4] = mlp(swiglu, 24) }
    route experts by { read = normed; choose = top(2); weight = renormalised; balance = [] }
  }
  head lm = unembed(tied = false, norm = rms)
}
"""

VISION = """dna 1
net vision {
  input image([8, 8], channels = 1, classes = 5)
  embed patches(16, size = 2, positions = learned)
  pool nodes { block[4] = transformer(heads = 2) }
  repeat 2 { hop: route nodes by { choose = top(2); weight = raw; balance = [] } }
  head cls = classify(pool = mean, norm = none)
}
"""

PAIRS = {"up": "up.weight", "down": "down.weight", "qkv": "qkv.weight", "out": "out.weight", "norm": "norm.gain"}
"""Weights of a part, here and in a baseline."""


def task(text: str, *settings: str, batch: int = 3, **more: Any) -> Task:
    """A small task on the CPU in float32, uncompiled."""
    return Task(graph(text, *settings), batch, CPU, FP32, compile=False, **more)


def inputs_of(given: Task, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A batch."""
    from dnac.bench.batches import uniform

    return uniform(given, torch.Generator().manual_seed(seed))


def give(network: Network, net: DenseNet | NaiveNet) -> list[tuple[str, Tensor, nn.Parameter]]:
    """Copy a network's weights into a baseline; what was copied: key, how the network's tensor is seen, parameter."""
    state = dict(network.named_parameters())
    found = list(_ends(network.graph, net.ends, state))
    if isinstance(net, DenseNet):
        members = [n.module for n in traits.unrolled(network.graph.nodes) if isinstance(n, Apply)]
        parts = iter(net.parts)
        for member in members:
            for part in traits.parts(network.graph, member):
                found += _part(state, str(member), part.name, next(parts))
    else:
        found += _naive(network.graph, state, net)
    with torch.no_grad():
        for _, theirs, ours in found:
            ours.copy_(theirs)
    return found


def _naive(graph: Graph, state: dict[str, Tensor], net: NaiveNet) -> Iterator[tuple[str, Tensor, Any]]:
    for name, place in net.places.items():
        block = net.blocks[place]
        assert isinstance(block, Block)
        parts = graph.module[name if name in graph.module else name.rsplit("[", 1)[0]].parts
        for part, made in zip(parts, block.parts, strict=True):
            yield from _part(state, name, part.name, made)
    for name, norm in net.norms.items():
        yield f"{name}.gain", state[key_of(name.replace("/", "."), "gain")], norm.gain
    for name, matrix in net.routers.items():
        yield name, state[key_of(name.replace("/", "."), "weight")], matrix


def _part(state: dict[str, Tensor], member: str, part: str, made: Any) -> Iterator[tuple[str, Tensor, Any]]:
    for name, path in PAIRS.items():
        there = made
        for step in path.split("."):
            there = getattr(there, step, None)
        if there is None:
            continue
        assert isinstance(made, Attention | Mlp)
        yield f"{member}.{part}.{name}", _turned(_stacked(state, member, part, name), path), there


def _stacked(state: dict[str, Tensor], member: str, part: str, name: str) -> Tensor:
    single = key_of(member, part, name)
    if single in state:
        return state[single]
    set_, index = member.rsplit("[", 1)
    return state[key_of(set_, part, name)][int(index.rstrip("]"))]


def _turned(tensor: Tensor, path: str) -> Tensor:
    """A linear layer of torch's keeps its weight [out, in]."""
    return tensor.T if path.endswith("weight") else tensor


def _ends(graph: Graph, ends: Ends, state: dict[str, Tensor]) -> Iterator[tuple[str, Tensor, Any]]:
    names = {s.role: s.name for s in graph.shared}
    pairs: dict[str, tuple[str, Callable[[], Any]]] = {
        "embed.table": ("", lambda: ends.table),
        "embed.projection": ("T", lambda: ends.projection.weight),
        "embed.class_token": ("", lambda: ends.first),
        "embed.positions": ("", lambda: ends.positions),
        "head.weight": ("T", lambda: ends.head and ends.head.weight),
        "head.norm": ("", lambda: ends.norm.gain),
    }
    for place, (turn, get) in pairs.items():
        role, weight = place.split(".")
        key = key_of(names[role], weight)
        if key in state:
            yield key, state[key].T if turn else state[key], get()

"""What tests of token by token reading share: the whole text, a text in pieces, and specs made small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import dnac
from dnac.ir.graph import Graph
from dnac.lowering.base import Call
from dnac.lowering.decode.cache import Cache
from dnac.lowering.decode.decoder import Decoder
from dnac.lowering.network import Network

SPECS = Path(__file__).parents[1] / "specs"
TEXT = ("input.vocabulary=32", "input.context=12")


def whole(net: Network, ids: Tensor, **given: Any) -> Tensor:
    """[B, T, V] as `forward` computes them."""
    with torch.no_grad():
        return net.eval()(ids, decode=net.decodes, **given).logits


def in_pieces(net: Network, ids: Tensor, lengths: Sequence[int]) -> tuple[list[Tensor], Cache]:
    """[B, V] behind each piece, and the cache."""
    cache, decoder, found, at = Cache(), Decoder(net.optimized, net.schedule), [], 0
    for length in lengths:
        knobs = net.final_knobs.to(ids.device)
        call = Call(ids[:, at : at + length], knobs=knobs, decode=net.decodes)
        found.append(decoder.read(net.weights(), call, cache))
        at += length
    return found, cache


def shrunk(name: str) -> Graph:
    """The graph of a spec with short texts and few words, and small numbers for those of its params that size it."""
    path, _, net = name.partition(":")
    spec = SPECS / f"{path}.dna"
    known = {
        "width": 16, "heads": 2, "kv_heads": 2, "modules": 4, "experts": 4, "count": 4, "hidden": 16, "routed": 16,
        "layers": 4, "turns": 2, "depth": 2,
    }  # fmt: skip
    declared = {line.split()[1] for line in spec.read_text().splitlines() if line.startswith("param ")}
    sized = tuple(f"{word}={value}" for word, value in known.items() if word in declared)
    return dnac.load(spec, net or path, (*TEXT, *sized)).graph

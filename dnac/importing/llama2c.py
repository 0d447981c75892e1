"""The one-file checkpoints of llama2.c (Karpathy's tinyllamas), as a config and tensors under Hugging Face's names.

Seven int32 (width, hidden, layers, heads, heads of keys, vocabulary, context; a vocabulary below 0: the head has a
matrix of its own), then float32: the table, and each weight for all layers at once. Its rotary positions pair
neighbours (2i, 2i + 1) of a head; rows of q and k are put in the order that pairs halves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dnac.importing import errors
from dnac.text.diagnostic import Faults

_HEADER = struct.Struct("<7i")


@dataclass(frozen=True)
class _Sizes:
    width: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int

    @property
    def head(self) -> int:
        return self.width // self.heads

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What follows the header, in order."""
        L, D, hidden, keys = self.layers, self.width, self.hidden, self.kv_heads * self.head
        half = (self.context, self.head // 2)
        shapes = {
            "table": (abs(self.vocabulary), D), "input_layernorm": (L, D),
            "q": (L, D, D), "k": (L, keys, D), "v": (L, keys, D), "o": (L, D, D), "post_attention_layernorm": (L, D),
            "gate": (L, hidden, D), "down": (L, D, hidden), "up": (L, hidden, D), "norm": (D,),
            "cos": half, "sin": half,
        }  # fmt: skip
        return shapes if self.vocabulary > 0 else {**shapes, "head": (abs(self.vocabulary), D)}


def read_llama2c(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors, as `importing.llama.convert` takes them.

    Raises:
        Faults: DNA750, the file is none, or is not as long as its header says.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _fault(path, error.strerror or str(error)) from error
    if len(data) < _HEADER.size:
        raise _fault(path, "it is too short to be a checkpoint of llama2.c")
    sizes = _Sizes(*_HEADER.unpack_from(data))
    counts = (sizes.width, sizes.hidden, sizes.layers, sizes.heads, sizes.kv_heads, abs(sizes.vocabulary))
    if min(*counts, sizes.context) < 1 or sizes.width % sizes.heads or sizes.heads % sizes.kv_heads:
        raise _fault(path, "it does not begin as a checkpoint of llama2.c does")
    shapes = sizes.shapes()
    wanted = _HEADER.size + 4 * sum(map(prod, shapes.values()))
    if len(data) != wanted:
        raise _fault(path, f"it has {len(data):,} bytes, and its header says {wanted:,}")
    values = torch.frombuffer(bytearray(data), dtype=torch.float32, offset=_HEADER.size)
    parts = values.split([prod(shape) for shape in shapes.values()])
    stacks = {name: part.view(shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}
    return _config(sizes), _tensors(sizes, stacks)


def _config(sizes: _Sizes) -> dict[str, Any]:
    return {
        "model_type": "llama", "hidden_size": sizes.width, "intermediate_size": sizes.hidden,
        "num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads, "num_key_value_heads": sizes.kv_heads,
        "vocab_size": abs(sizes.vocabulary), "max_position_embeddings": sizes.context, "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0, "tie_word_embeddings": sizes.vocabulary > 0,
    }  # fmt: skip


def _tensors(sizes: _Sizes, stacks: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {"model.embed_tokens.weight": stacks["table"], "model.norm.weight": stacks["norm"]}
    if "head" in stacks:
        found["lm_head.weight"] = stacks["head"]
    for n in range(sizes.layers):
        layer = f"model.layers.{n}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"{layer}{name}.weight"] = stacks[name][n]
        for name, heads in (("q", sizes.heads), ("k", sizes.kv_heads)):
            found[f"{layer}self_attn.{name}_proj.weight"] = in_halves(stacks[name][n], heads)
        for name in ("v", "o"):
            found[f"{layer}self_attn.{name}_proj.weight"] = stacks[name][n]
        for name in ("gate", "up", "down"):
            found[f"{layer}mlp.{name}_proj.weight"] = stacks[name][n]
    return found


def in_halves(rows: Tensor, heads: int) -> Tensor:
    """[H E, D] with neighbours paired to the same with halves paired: first all even rows of a head, then all odd."""
    return rows.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def _fault(path: Path, why: str) -> Faults:
    return Faults(
        errors.not_a_checkpoint(path, why, "give a file of llama2.c, or a folder that `save_pretrained` made")
    )

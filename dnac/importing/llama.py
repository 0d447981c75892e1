"""Tensors of a Llama or a Mixtral, as Hugging Face names them, to the weights of a net.

Theirs are [out, in] and ours [in, out]. Our `qkv` is theirs of q, k and v side by side, our `up` the
gate and then the up projection. Both pair the halves of a head in their rotary positions, so no
row is moved. Experts come in two layouts: one tensor for each expert (`block_sparse_moe.experts.3.w1`),
or all in one (`mlp.experts.gate_up_proj`, since transformers 5).

D: width, V: vocabulary, H and G: heads of queries and of keys, E: width of a head, I: hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dnac.importing import errors
from dnac.importing.config import differences
from dnac.importing.decoder import Attention, Decoder, Mlp, decoder_of
from dnac.ir.graph import Graph
from dnac.kinds.declared import key_of
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults

Shape = tuple[int, ...]

_NOT_WEIGHTS = (".rotary_emb.inv_freq", ".masked_bias")
"""Ends of names of buffers that older checkpoints hold beside the weights."""


@dataclass(frozen=True)
class Way:
    """One way in which a checkpoint may hold a tensor of ours."""

    parts: tuple[tuple[str, Shape], ...]
    """Names and shapes of its tensors."""
    make: Callable[[Sequence[Tensor]], Tensor]


Recipes = dict[str, tuple[Way, ...]]
"""State-dict key to the ways of making it."""


def load_into(network: Network, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Give a network the weights of a Hugging Face Llama, Mistral or Mixtral.

    config: what its `config.json` holds (`model.config.to_dict()`); tensors: its state dict. Selection
    biases of routers, which those models have not, become 0.

    Raises:
        Faults: as `convert`; the network is as it was then.
    """
    found = convert(network.graph, config, tensors)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key in found:
                tensor.copy_(found[key])
            else:
                tensor.zero_()


def convert(graph: Graph, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a net, by state-dict key, in the checkpoint's own type.

    Raises:
        Faults: DNA751, the net has no counterpart; DNA752, the config says another model;
            DNA753, tensors are missing, unknown or of another shape.
    """
    decoder = decoder_of(graph)
    if wrong := differences(config, decoder):
        raise Faults(errors.config_differs(wrong))
    wanted = recipes(decoder)
    ways = {key: _present(ways, tensors) for key, ways in wanted.items()}
    if problems := [*_misfits(ways, tensors), *_unknown(decoder, ways, tensors)]:
        raise Faults(errors.tensors_do_not_fit(problems))
    return {key: way.make([tensors[name] for name, _ in way.parts]) for key, way in ways.items()}


# --- what there must be ----------------------------------------------------------------------


def recipes(decoder: Decoder) -> Recipes:
    """State-dict keys of a net to the tensors that make them."""
    D, V = decoder.width, decoder.vocabulary
    made: Recipes = {
        key_of(decoder.embed, "table"): _one("model.embed_tokens.weight", (V, D)),
        key_of(decoder.head, "norm"): _one("model.norm.weight", (D,)),
    }
    if not decoder.is_tied:
        made[key_of(decoder.head, "weight")] = _turned("lm_head.weight", (V, D))
    for number, (attention, mlp) in enumerate(decoder.layers):
        layer = f"model.layers.{number}."
        made |= _attention(layer, D, attention)
        made |= _mlp(layer, D, mlp) if mlp.count is None else _experts(layer, D, mlp, mlp.count)
    return made


def _attention(layer: str, D: int, of: Attention) -> Recipes:
    rows = {"q": of.heads, "k": of.kv_heads, "v": of.kv_heads}
    qkv = tuple((f"{layer}self_attn.{n}_proj.weight", (heads * of.head_width, D)) for n, heads in rows.items())
    return {
        key_of(*of.weights, "norm"): _one(f"{layer}input_layernorm.weight", (D,)),
        key_of(*of.weights, "qkv"): (Way(qkv, _beside),),
        key_of(*of.weights, "out"): _turned(f"{layer}self_attn.o_proj.weight", (D, of.heads * of.head_width)),
    }


def _mlp(layer: str, D: int, of: Mlp) -> Recipes:
    up = tuple((f"{layer}mlp.{name}_proj.weight", (of.hidden, D)) for name in ("gate", "up"))
    return {
        key_of(*of.weights, "norm"): _one(f"{layer}post_attention_layernorm.weight", (D,)),
        key_of(*of.weights, "up"): (Way(up, _beside),),
        key_of(*of.weights, "down"): _turned(f"{layer}mlp.down_proj.weight", (D, of.hidden)),
    }


def _experts(layer: str, D: int, of: Mlp, M: int) -> Recipes:
    hidden, moe = of.hidden, f"{layer}block_sparse_moe."
    ups = tuple((f"{moe}experts.{e}.{w}.weight", (hidden, D)) for e in range(M) for w in ("w1", "w3"))
    downs = tuple((f"{moe}experts.{e}.w2.weight", (D, hidden)) for e in range(M))
    stacked = f"{layer}mlp.experts."
    return {
        key_of(of.norm, "gain"): _one(f"{layer}post_attention_layernorm.weight", (D,)),
        key_of(of.router, "weight"): (
            *_turned(f"{moe}gate.weight", (M, D)), *_turned(f"{layer}mlp.gate.weight", (M, D))
        ),
        key_of(*of.weights, "up"): (
            Way(ups, partial(_stacked, size=2)), *_turned(f"{stacked}gate_up_proj", (M, 2 * hidden, D))
        ),
        key_of(*of.weights, "down"): (
            Way(downs, partial(_stacked, size=1)), *_turned(f"{stacked}down_proj", (M, D, hidden))
        ),
    }  # fmt: skip


def _one(name: str, shape: Shape) -> tuple[Way, ...]:
    return (Way(((name, shape),), lambda tensors: tensors[0]),)


def _turned(name: str, shape: Shape) -> tuple[Way, ...]:
    return (Way(((name, shape),), lambda tensors: tensors[0].transpose(-2, -1)),)


def _beside(tensors: Sequence[Tensor]) -> Tensor:
    """Several [out, in] to one [in, all outs]."""
    return torch.cat(list(tensors)).transpose(0, 1)


def _stacked(tensors: Sequence[Tensor], size: int) -> Tensor:
    """`size` tensors [out, in] of each module to [M, in, size * out]."""
    return torch.stack([_beside(tensors[at : at + size]) for at in range(0, len(tensors), size)])


# --- what there is ---------------------------------------------------------------------------


def _present(ways: tuple[Way, ...], tensors: Mapping[str, Tensor]) -> Way:
    """The way of which most is there; the first where nothing is."""
    return max(ways, key=lambda way: sum(name in tensors for name, _ in way.parts) / len(way.parts))


def _misfits(ways: Mapping[str, Way], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    for name, shape in (part for way in ways.values() for part in way.parts):
        if name not in tensors:
            yield f"`{name}` is missing"
        elif tuple(tensors[name].shape) != shape:
            yield f"`{name}` is {list(tensors[name].shape)}, the net needs {list(shape)}"
        elif not tensors[name].is_floating_point():
            yield f"`{name}` holds {str(tensors[name].dtype).removeprefix('torch.')}, not floating-point numbers"


def _unknown(decoder: Decoder, ways: Mapping[str, Way], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    used = {name for way in ways.values() for name, _ in way.parts}
    for name in sorted(tensors.keys() - used):
        if name.endswith(_NOT_WEIGHTS) or (decoder.is_tied and _is_table_again(name, tensors)):
            continue
        yield f"`{name}` has no place in the net"


def _is_table_again(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether it is the tied table, stored a second time."""
    table = tensors.get("model.embed_tokens.weight")
    return name == "lm_head.weight" and table is not None and torch.equal(tensors[name], table)

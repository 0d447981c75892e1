"""What the tensors of a model of the Llama family are in a net: names, shapes and the facts that decide their meaning.

Told without torch, in Hugging Face's words, for one set of weights at a time: a module of any pool can hold a layer, or
half of one. How the tensors become ours: `importing.initial`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dnac.ir.form import Form
from dnac.ir.graph import Graph, ModuleSet, Part, Pretrained, SharedSet

EPSILON = 1e-5
"""That of `rms`, whose file holds its formula and so is not imported here."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """One weight of a set: for each module of the set the tensors that make it, [out, in] side by side."""

    set: str
    part: str
    weight: str
    names: tuple[tuple[str, ...], ...]
    """For each module (one tuple where the set is no stack), the names of its tensors."""
    shapes: tuple[Shape, ...]
    """Of these tensors, in order."""


def wanted(graph: Graph, start: Pretrained) -> tuple[Wanted, ...]:
    """All weights of the set that `start` names, and of the norm that its pool owns."""
    entry = graph.module.get(start.set)
    if entry is None:
        return tuple(_of_shared(graph, graph.weights[start.set]))
    return (*_of_modules(graph, entry, start), *_of_pool_norm(graph, entry, start))


def unfit(graph: Graph, start: Pretrained, config: Mapping[str, Any]) -> Iterator[str]:
    """In words, what of the set says another model than the checkpoint's config."""
    if config.get("model_type") not in ("llama", "mistral"):
        yield f"it is a `{config.get('model_type')}`, and models of the Llama family can be read"
        return
    entry = graph.module.get(start.set)
    parts = entry.parts if entry else ()
    found = _of_parts(graph, entry) if entry else _facts_of_shared(graph, graph.weights[start.set])
    yield from (f"`{part.name}` is no part of a Llama" for part in parts if part.kind.name not in ("attention", "mlp"))
    said = _said(config)
    for what, ours in found:
        if said.get(what) != ours:
            yield f"`{what}` is {said.get(what)}, the net has {ours}"


# --- sizes --------------------------------------------------------------------------------------


def _of_modules(graph: Graph, entry: ModuleSet, start: Pretrained) -> Iterator[Wanted]:
    for part in entry.parts:
        for weight, (names, shapes) in _tensors(graph, part).items():
            layers = [tuple(f"model.layers.{layer}.{name}.weight" for name in names) for layer in start.layers]
            yield Wanted(entry.name, part.name, weight, tuple(layers), shapes)


def _tensors(graph: Graph, part: Part) -> dict[str, tuple[tuple[str, ...], tuple[Shape, ...]]]:
    D, own = graph.width, part.kind.get("norm") != Form("none")
    if part.kind.name == "attention":
        inner, kv = _inner(graph, part.kind)
        return {
            **({"norm": (("input_layernorm",), ((D,),))} if own else {}),
            "qkv": (tuple(f"self_attn.{n}_proj" for n in "qkv"), ((inner, D), (kv, D), (kv, D))),
            "out": (("self_attn.o_proj",), ((D, inner),)),
        }
    if part.kind.name == "mlp":
        hidden = _hidden(part.kind)
        return {
            **({"norm": (("post_attention_layernorm",), ((D,),))} if own else {}),
            "up": (("mlp.gate_proj", "mlp.up_proj"), ((hidden, D), (hidden, D))),
            "down": (("mlp.down_proj",), ((D, hidden),)),
        }
    return {}


def _of_pool_norm(graph: Graph, entry: ModuleSet, start: Pretrained) -> Iterator[Wanted]:
    """The pool's own norm is that of its first layer's half; all its members read it."""
    name = f"{entry.name.rpartition('.')[0]}.norm"
    if name in graph.weights and entry.parts:
        of = "input_layernorm" if entry.parts[0].kind.name == "attention" else "post_attention_layernorm"
        yield Wanted(name, "", "gain", ((f"model.layers.{start.layers[0]}.{of}.weight",),), ((graph.width,),))


def _of_shared(graph: Graph, entry: SharedSet) -> Iterator[Wanted]:
    D, V = graph.width, _vocabulary(graph)
    if entry.role == "embed":
        yield Wanted(entry.name, "", "table", (("model.embed_tokens.weight",),), ((V, D),))
    elif entry.role == "head":
        yield Wanted(entry.name, "", "norm", (("model.norm.weight",),), ((D,),))
        if not entry.kind.get("tied"):
            yield Wanted(entry.name, "", "weight", (("lm_head.weight",),), ((V, D),))


# --- facts --------------------------------------------------------------------------------------


def _of_parts(graph: Graph, entry: ModuleSet) -> Iterator[tuple[str, Any]]:
    yield "hidden_size", graph.width
    for part in entry.parts:
        kind = part.kind
        norm = kind.get("norm")
        has_pool_norm = f"{entry.name.rpartition('.')[0]}.norm" in graph.weights
        if not (isinstance(norm, Form) and norm.name == "rms") and not has_pool_norm:
            yield "norm", norm.name if isinstance(norm, Form) else None
        yield "bias", bool(kind.get("bias"))
        if kind.name == "attention":
            positions = kind.get("positions")
            base = positions.get("base") if isinstance(positions, Form) and positions.name == "rope" else None
            inner, kv = _inner(graph, kind)
            heads = _whole(kind.get("heads"))
            yield from (("num_attention_heads", heads), ("num_key_value_heads", kv * heads // inner))
            yield from (("head_dim", inner // heads), ("rope_theta", base), ("causal", bool(kind.get("causal"))))
            yield "sliding_window", kind.get("window")
        elif kind.name == "mlp":
            activation = kind.get("activation")
            word = activation.name if isinstance(activation, Form) else None
            yield "hidden_act", "silu" if word == "swiglu" else word
            yield "intermediate_size", _hidden(kind)


def _facts_of_shared(graph: Graph, entry: SharedSet) -> Iterator[tuple[str, Any]]:
    yield from (("hidden_size", graph.width), ("vocab_size", _vocabulary(graph)))
    if entry.role == "head":
        norm = entry.kind.get("norm")
        yield "norm", norm.name if isinstance(norm, Form) else None
        yield from (("bias", bool(entry.kind.get("bias"))), ("tie_word_embeddings", bool(entry.kind.get("tied"))))
    elif entry.role == "embed":
        positions = entry.kind.get("positions")
        named = positions.name if isinstance(positions, Form) else None
        yield "positions", "rope" if named in ("rope", "none") else named


def _said(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the checkpoint; what goes without saying in a Llama is said here."""
    rope: dict[str, Any] = {}
    for given in (config.get("rope_scaling"), config.get("rope_parameters")):
        rope |= given if isinstance(given, dict) else {}
    base: Any = rope.get("rope_theta") or config.get("rope_theta") or 10_000.0
    heads, width = config.get("num_attention_heads") or 1, config.get("hidden_size") or 0
    return {
        "norm": "rms" if abs(float(config.get("rms_norm_eps", 1e-6)) - EPSILON) < 1e-9 else "rms of another epsilon",
        "causal": True,
        "positions": "rope",
        "bias": bool(config.get("attention_bias") or config.get("mlp_bias")),
        "hidden_size": width,
        "vocab_size": config.get("vocab_size"),
        "intermediate_size": config.get("intermediate_size"),
        "num_attention_heads": heads,
        "num_key_value_heads": config.get("num_key_value_heads") or heads,
        "head_dim": config.get("head_dim") or width // heads,
        "rope_theta": float(base) if isinstance(base, int | float) else base,
        "hidden_act": config.get("hidden_act", "silu"),
        "sliding_window": config.get("sliding_window"),
        "tie_word_embeddings": bool(config.get("tie_word_embeddings")),
    }


def _inner(graph: Graph, kind: Form) -> tuple[int, int]:
    """H E and G E."""
    inner, heads = _whole(kind.get("width") or graph.width), _whole(kind.get("heads"))
    return inner, _whole(kind.get("kv_heads") or heads) * (inner // heads)


def _hidden(kind: Form) -> int:
    activation = kind.get("activation")
    found = kind.get("hidden") or (activation.get("hidden") if isinstance(activation, Form) else None)
    return _whole(found)


def _vocabulary(graph: Graph) -> int:
    return _whole(graph.input.get("vocabulary"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0

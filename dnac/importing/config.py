"""What `config.json` of a checkpoint says, against what the net says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dnac.importing.decoder import Decoder
from dnac.kinds.norm.rms import EPSILON

MODELS = {
    "llama": {"rms_norm_eps": 1e-6, "rope_theta": 10_000.0},
    "mistral": {"rms_norm_eps": 1e-6, "rope_theta": 10_000.0, "sliding_window": 4096},
    "mixtral": {"rms_norm_eps": 1e-5, "rope_theta": 1_000_000.0, "num_local_experts": 8, "num_experts_per_tok": 2},
}
"""Kinds of models that mean the same by equal tensors, each with what it takes where its config is silent."""


def differences(config: Mapping[str, Any], decoder: Decoder) -> list[str]:
    """In words, where a checkpoint's config and a net say different things; none where they agree."""
    model = config.get("model_type")
    if model not in MODELS:
        return [f"`model_type` is {model!r}, and {', '.join(MODELS)} can be imported"]
    said, wanted = _said(config, decoder.context), _wanted(decoder)
    return [
        f"`{name}` is {_word(said[name])}, the net has {' and '.join(map(_word, values))}"
        for name, values in wanted.items()
        if list(values) != [said[name]]
    ]


def _said(config: Mapping[str, Any], context: int) -> dict[str, Any]:
    """The fields that decide what tensors mean, with the defaults of the model's kind."""
    given = {**MODELS[config["model_type"]], **{k: v for k, v in config.items() if v is not None}}
    if "sliding_window" in config and config["sliding_window"] is None:
        given.pop("sliding_window", None)
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    heads: Any = given.get("num_attention_heads")
    width: Any = given.get("hidden_size")
    whole = isinstance(heads, int) and isinstance(width, int) and heads > 0
    return {
        "hidden_size": width,
        "num_hidden_layers": given.get("num_hidden_layers"),
        "vocab_size": given.get("vocab_size"),
        "intermediate_size": given.get("intermediate_size"),
        "num_attention_heads": heads,
        "num_key_value_heads": given.get("num_key_value_heads", heads),
        "head_dim": given.get("head_dim", width // heads if whole else None),
        "rms_norm_eps": given["rms_norm_eps"],
        "rope_theta": rope.get("rope_theta", given["rope_theta"]),
        "rope_type": rope.get("rope_type", rope.get("type", "default")),
        "hidden_act": given.get("hidden_act", "silu"),
        "attention_bias": given.get("attention_bias", False),
        "mlp_bias": given.get("mlp_bias", False),
        "tie_word_embeddings": given.get("tie_word_embeddings", False),
        "sliding_window": _reach(given.get("sliding_window"), context),
        "num_local_experts": given.get("num_local_experts"),
        "num_experts_per_tok": given.get("num_experts_per_tok"),
    }


def _wanted(decoder: Decoder) -> dict[str, tuple[Any, ...]]:
    """The same of the net; several values where its layers differ."""
    attentions, mlps = [a for a, _ in decoder.layers], [m for _, m in decoder.layers]
    return {
        "hidden_size": (decoder.width,),
        "num_hidden_layers": (len(decoder.layers),),
        "vocab_size": (decoder.vocabulary,),
        "intermediate_size": _values(m.hidden for m in mlps),
        "num_attention_heads": _values(a.heads for a in attentions),
        "num_key_value_heads": _values(a.kv_heads for a in attentions),
        "head_dim": _values(a.head_width for a in attentions),
        "rms_norm_eps": (EPSILON,),
        "rope_theta": _values(a.base for a in attentions),
        "rope_type": ("default",),
        "hidden_act": ("silu",),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "tie_word_embeddings": (decoder.is_tied,),
        "sliding_window": _values(_reach(a.window, decoder.context) for a in attentions),
        "num_local_experts": _values(m.count for m in mlps),
        "num_experts_per_tok": _values(m.k for m in mlps),
    }


def _values(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(found))


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _reach(window: Any, context: int) -> Any:
    """A window as long as the context limits nothing."""
    return None if isinstance(window, int) and window >= context else window

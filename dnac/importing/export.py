"""A net of the Llama family as a checkpoint of Hugging Face's: the inverse of `importing.llama`.

`config.json` and `model.safetensors`, float32. What was written can be imported again, start other nets (`init NAME =
checkpoint(...)`), or be read by `transformers`. Nets with experts are not written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from dnac.importing import errors
from dnac.importing.decoder import Decoder, decoder_of
from dnac.importing.llama import recipes
from dnac.kinds.norm.rms import EPSILON
from dnac.lowering.network import Network
from dnac.text.diagnostic import Faults


def export(network: Network, folder: Path) -> int:
    """Write a checkpoint into `folder`, which is made; how many numbers it holds.

    Raises:
        Faults: DNA751, the net says what a Llama cannot.
    """
    decoder = decoder_of(network.graph)
    if any(mlp.count is not None for _, mlp in decoder.layers):
        raise Faults(errors.no_counterpart("experts, which are not written", None))
    state, tensors = network.state_dict(), dict[str, Tensor]()
    for key, ways in recipes(decoder).items():
        names = ways[0].parts
        value = state[key].detach().float().cpu()
        if value.dim() == 2 and not key.endswith(".table"):  # ours are [in, out]
            value = value.transpose(0, 1)
        parts = value.split([shape[0] for _, shape in names]) if len(names) > 1 else [value]
        tensors |= {name: part.contiguous() for (name, _), part in zip(names, parts, strict=True)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(decoder), indent=2) + "\n", encoding="utf-8")
    return sum(tensor.numel() for tensor in tensors.values())


def _config(decoder: Decoder) -> dict[str, Any]:
    attention, mlp = decoder.layers[0]
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": decoder.width,
        "intermediate_size": mlp.hidden, "num_hidden_layers": len(decoder.layers),
        "num_attention_heads": attention.heads, "num_key_value_heads": attention.kv_heads,
        "head_dim": attention.head_width, "vocab_size": decoder.vocabulary, "rms_norm_eps": EPSILON,
        "max_position_embeddings": decoder.context, "rope_theta": attention.base, "hidden_act": "silu",
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": decoder.is_tied, "torch_dtype": "float32",
    }  # fmt: skip

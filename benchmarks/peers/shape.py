"""The Mixtral shape that all programs of `mixtral.py` have, and one set of first weights for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """Sizes of the model and of a batch."""

    vocabulary: int = 50304
    width: int = 768
    hidden: int = 2048
    layers: int = 12
    heads: int = 12
    experts: int = 8
    k: int = 2
    context: int = 1024
    batch: int = 32
    base: float = 1e6

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.width // self.heads

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return self.batch * self.context

    @property
    def flops(self) -> float:
        """Of one train step: three times forward; k experts for each token; half of the keys are seen."""
        D, linear = self.width, 4 * self.width**2 + self.k * 3 * self.width * self.hidden + self.width * self.experts
        forward = 2 * (self.layers * linear + self.vocabulary * D) + self.layers * 2 * (self.context + 1) * D
        return 3.0 * self.tokens * forward

    def spec(self) -> str:
        """`specs/mixtral_small.dna` with these sizes, for rehearsals."""
        return f"""dna 1
net mixtral {{
  input text(context = {self.context}, vocabulary = {self.vocabulary})
  embed tokens({self.width}, positions = rope({self.base:.0f}))
  repeat {self.layers} {{
    attention(heads = {self.heads}, norm = rms)
    pool experts(norm = rms) {{ ffn[{self.experts}] = mlp(swiglu, {self.hidden}) }}
    moe: route experts by {{ read = normed; choose = top({self.k}); weight = renormalised; balance = [] }}
  }}
  head lm = unembed(tied = false, norm = rms)
}}
"""

    def config(self) -> dict[str, Any]:
        """As a Hugging Face `config.json` says it."""
        return {
            "model_type": "mixtral", "vocab_size": self.vocabulary, "hidden_size": self.width,
            "intermediate_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads, "num_local_experts": self.experts, "num_experts_per_tok": self.k,
            "max_position_embeddings": self.context, "rope_theta": self.base, "rms_norm_eps": 1e-5,
            "sliding_window": None, "tie_word_embeddings": False,
        }  # fmt: skip

    def weights(self, device: torch.device, seed: int = 0) -> dict[str, Tensor]:
        """First weights under the names that transformers 5 has in memory: matrices normal(0.02), gains 1."""
        random = torch.Generator(device).manual_seed(seed)
        D, V, M, hidden = self.width, self.vocabulary, self.experts, self.hidden

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=random, device=device) * 0.02

        state = {"model.embed_tokens.weight": draw(V, D), "lm_head.weight": draw(V, D)}
        state["model.norm.weight"] = torch.ones(D, device=device)
        for n in range(self.layers):
            at = f"model.layers.{n}."
            state |= {f"{at}self_attn.{p}_proj.weight": draw(D, D) for p in "qkvo"}
            state |= {f"{at}{p}_layernorm.weight": torch.ones(D, device=device) for p in ("input", "post_attention")}
            state[f"{at}mlp.gate.weight"] = draw(M, D)
            state[f"{at}mlp.experts.gate_up_proj"] = draw(M, 2 * hidden, D)
            state[f"{at}mlp.experts.down_proj"] = draw(M, D, hidden)
        return state


TINY = Shape(vocabulary=128, width=32, hidden=64, layers=2, heads=2, experts=4, context=32, batch=2)
FULL = Shape()

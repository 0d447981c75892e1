"""Small models of the Llama family: random weights under Hugging Face's names, and their formula in plain torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

D, V, H, G, E, HIDDEN, LAYERS, EXPERTS, K, T = 16, 64, 4, 2, 4, 24, 2, 4, 2, 12

MIXTRAL_SPEC = """dna 1
net tiny {
  input text(context = 12, vocabulary = 64, tokenizer = none)
  embed tokens(16, positions = rope(1M))
  repeat 2 {
    attention(heads = 4, kv_heads = 2, norm = rms)
    pool experts(norm = rms) { ffn[4] = mlp(swiglu, 24) }
    moe: route experts by { read = normed; choose = top(2); weight = renormalised; balance = [] }
  }
  head lm = unembed(tied = false, norm = rms)
}
"""
LLAMA_SPEC = """dna 1
net tiny {
  input text(context = 12, vocabulary = 64, tokenizer = none)
  embed tokens(16, positions = rope(10k))
  repeat 2 { transformer(heads = 4, kv_heads = 2, norm = rms, mlp = swiglu(24)) }
  head lm = unembed(tied = true, norm = rms)
}
"""
_COMMON = {
    "hidden_size": D, "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": H,
    "num_key_value_heads": G, "vocab_size": V, "rms_norm_eps": 1e-5, "hidden_act": "silu",
}  # fmt: skip
MIXTRAL: dict[str, Any] = {
    **_COMMON, "model_type": "mixtral", "rope_theta": 1e6, "num_local_experts": EXPERTS, "num_experts_per_tok": K,
    "tie_word_embeddings": False, "sliding_window": None,
}  # fmt: skip
LLAMA: dict[str, Any] = {
    **_COMMON, "model_type": "llama", "rope_parameters": {"rope_theta": 1e4, "rope_type": "default"},
    "tie_word_embeddings": True,
}  # fmt: skip


def mixtral(seed: int = 0) -> dict[str, Tensor]:
    """A state dict with one tensor for each expert, as released checkpoints have."""
    state = _shared(seed)
    random = torch.Generator().manual_seed(seed + 1)
    for layer in range(LAYERS):
        moe = f"model.layers.{layer}.block_sparse_moe."
        state[f"{moe}gate.weight"] = torch.randn(EXPERTS, D, generator=random)
        for e in range(EXPERTS):
            for name, shape in (("w1", (HIDDEN, D)), ("w2", (D, HIDDEN)), ("w3", (HIDDEN, D))):
                state[f"{moe}experts.{e}.{name}.weight"] = 0.3 * torch.randn(*shape, generator=random)
    return state | {"lm_head.weight": 0.3 * torch.randn(V, D, generator=random)}


def stacked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights in the layout that transformers 5 keeps in memory."""
    new = {k: v for k, v in state.items() if "block_sparse_moe" not in k}
    for layer in range(LAYERS):
        old, to = f"model.layers.{layer}.block_sparse_moe.", f"model.layers.{layer}.mlp."
        w1, w2, w3 = (
            torch.stack([state[f"{old}experts.{e}.{w}.weight"] for e in range(EXPERTS)]) for w in ("w1", "w2", "w3")
        )
        new[f"{to}gate.weight"] = state[f"{old}gate.weight"]
        new[f"{to}experts.gate_up_proj"], new[f"{to}experts.down_proj"] = torch.cat((w1, w3), 1), w2
    return new


def llama(seed: int = 0) -> dict[str, Tensor]:
    """A state dict without `lm_head`: the table is used again."""
    state = _shared(seed)
    random = torch.Generator().manual_seed(seed + 1)
    for layer in range(LAYERS):
        for name, shape in (("gate", (HIDDEN, D)), ("up", (HIDDEN, D)), ("down", (D, HIDDEN))):
            state[f"model.layers.{layer}.mlp.{name}_proj.weight"] = 0.3 * torch.randn(*shape, generator=random)
    return state


def logits(state: dict[str, Tensor], ids: Tensor, base: float) -> Tensor:
    """[B, T] ids to [B, T, V], token by token and head by head, from the papers' formulas, in float64."""
    state = {name: tensor.double() for name, tensor in state.items()}
    x = state["model.embed_tokens.weight"][ids]
    for n in range(LAYERS):
        layer = f"model.layers.{n}."
        x = x + _attend(state, layer, _rms(x, state[f"{layer}input_layernorm.weight"]), base)
        normed = _rms(x, state[f"{layer}post_attention_layernorm.weight"])
        x = x + (_experts if f"{layer}block_sparse_moe.gate.weight" in state else _mlp)(state, layer, normed)
    head = state.get("lm_head.weight", state["model.embed_tokens.weight"])
    return (_rms(x, state["model.norm.weight"]) @ head.T).float()


def _shared(seed: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    state = {"model.embed_tokens.weight": 0.5 * torch.randn(V, D, generator=random)}
    shapes = {"q": (H * E, D), "k": (G * E, D), "v": (G * E, D), "o": (D, H * E)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        for name, shape in shapes.items():
            state[f"{at}self_attn.{name}_proj.weight"] = 0.3 * torch.randn(*shape, generator=random)
        for name in ("input", "post_attention"):
            state[f"{at}{name}_layernorm.weight"] = 1 + 0.2 * torch.randn(D, generator=random)
    return state | {"model.norm.weight": 1 + 0.2 * torch.randn(D, generator=random)}


def _rms(x: Tensor, gain: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain


def _turn(x: Tensor, base: float) -> Tensor:
    """Entries i and i + E/2 of each head are one complex number, turned by t * base^(-2 i / E)."""
    t, i = torch.arange(x.shape[1])[:, None, None], torch.arange(E // 2)
    turn = torch.polar(torch.ones((), dtype=torch.float64), t * base ** (-2 * i.double() / E))
    y = torch.complex(x[..., : E // 2], x[..., E // 2 :]) * turn
    return torch.cat((y.real, y.imag), -1)


def _attend(state: dict[str, Tensor], layer: str, x: Tensor, base: float) -> Tensor:
    q, k, v = (x @ state[f"{layer}self_attn.{n}_proj.weight"].T for n in "qkv")
    q, k = _turn(q.unflatten(-1, (H, E)), base), _turn(k.unflatten(-1, (G, E)), base)
    v = v.unflatten(-1, (G, E))
    out = torch.zeros_like(q)
    for head in range(H):
        group = head * G // H
        for t in range(x.shape[1]):
            scores = (k[:, : t + 1, group] * q[:, t : t + 1, head]).sum(-1) / E**0.5
            out[:, t, head] = (scores.softmax(-1)[..., None] * v[:, : t + 1, group]).sum(1)
    return out.flatten(-2) @ state[f"{layer}self_attn.o_proj.weight"].T


def _swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g = x @ gate.T
    return (g * g.sigmoid() * (x @ up.T)) @ down.T


def _mlp(state: dict[str, Tensor], layer: str, x: Tensor) -> Tensor:
    gate, up, down = (state[f"{layer}mlp.{n}_proj.weight"] for n in ("gate", "up", "down"))
    return _swiglu(x, gate, up, down)


def _experts(state: dict[str, Tensor], layer: str, x: Tensor) -> Tensor:
    moe, out = f"{layer}block_sparse_moe.", torch.zeros_like(x)
    share = (x @ state[f"{moe}gate.weight"].T).softmax(-1)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            best = share[b, t].topk(K)
            for p, e in zip(best.values / best.values.sum(), best.indices.tolist(), strict=True):
                w1, w2, w3 = (state[f"{moe}experts.{e}.{w}.weight"] for w in ("w1", "w2", "w3"))
                out[b, t] += p * _swiglu(x[b, t], w1, w3, w2)
    return out

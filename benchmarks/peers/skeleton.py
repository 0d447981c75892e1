"""One decoder in which only the layer of experts differs: embed, attention, rms norms, head and loss are the same.

Rotary tables are made once, queries, keys and values are one product, attention is torch's own, which picks cuDNN or
Flash. Matrices are kept in the type of the weights and cast once a step where products are narrower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from shape import Shape
from torch import Tensor, nn
from torch.nn import functional as F

Experts = Callable[[Shape, torch.dtype, torch.dtype], nn.Module]
"""(shape, type of weights, type of products) to a module: normed [B, T, D] to its increment."""


class Linear(nn.Module):
    """`x W^T` in the type of products."""

    def __init__(self, inner: int, outer: int, weights: torch.dtype, compute: torch.dtype) -> None:
        super().__init__()
        self.compute = compute
        self.weight = nn.Parameter(torch.empty(outer, inner, dtype=weights))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        return F.linear(x.to(self.compute), self.weight.to(self.compute))


class Norm(nn.Module):
    """x / rms(x) * gain, in float32, given in the type of products."""

    def __init__(self, width: int, weights: torch.dtype, compute: torch.dtype) -> None:
        super().__init__()
        self.compute = compute
        self.gain = nn.Parameter(torch.ones(width, dtype=weights))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] to [..., D]."""
        return F.rms_norm(x.float(), (x.shape[-1],), self.gain.float(), 1e-5).to(self.compute)


class Layer(nn.Module):
    """Attention, then experts, each under its own norm."""

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype, experts: Experts) -> None:
        super().__init__()
        self.shape = shape
        self.first, self.second = (Norm(shape.width, weights, compute) for _ in range(2))
        self.qkv = Linear(shape.width, 3 * shape.width, weights, compute)
        self.out = Linear(shape.width, shape.width, weights, compute)
        self.experts = experts(shape, weights, compute)

    def front(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """The stream after attention, and its norm for the experts."""
        B, T, D = x.shape
        q, k, v = self.qkv(self.first(x)).view(B, T, 3, self.shape.heads, self.shape.head).unbind(2)
        q, k, v = (part.transpose(1, 2) for part in (turned(q, cos, sin), turned(k, cos, sin), v))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, D)
        x = x + self.out(seen)
        return x, self.second(x)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x, normed = self.front(x, cos, sin)
        return x + self.experts(normed)


class Decoder(nn.Module):
    """Ids and targets to the loss. Two sets of logits are never kept: the loss is in the compiled part."""

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype, experts: Experts) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(shape.vocabulary, shape.width, dtype=weights))
        self.layers = nn.ModuleList(Layer(shape, weights, compute, experts) for _ in range(shape.layers))
        self.norm = Norm(shape.width, weights, compute)
        self.head = Linear(shape.width, shape.vocabulary, weights, compute)
        rates = shape.base ** -(torch.arange(0, shape.head, 2, dtype=torch.float64) / shape.head)
        angle = torch.outer(torch.arange(shape.context, dtype=torch.float64), rates)[:, None]
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """[B, T] and [B, T] to a scalar."""
        x = F.embedding(ids, self.table)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return self.end(x, targets)

    def end(self, x: Tensor, targets: Tensor) -> Tensor:
        """The stream to the loss."""
        return F.cross_entropy(self.head(self.norm(x)).float().flatten(0, 1), targets.flatten())

    def compile_whole(self) -> None:
        """One graph from ids to loss."""
        self.compile(fullgraph=True, dynamic=False)

    def compile_layers(self) -> None:
        """Each layer by itself, as torchtitan does, and the end."""
        for layer in self.layers:
            layer.compile(dynamic=False)
        self.end = torch.compile(self.end, dynamic=False)

    def compile_around(self) -> None:
        """All but the experts, which compile what they can by themselves."""
        for layer in self.layers:
            layer.front = torch.compile(layer.front, fullgraph=True, dynamic=False)
        self.end = torch.compile(self.end, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Weights under Hugging Face's names; `load_experts(gate, gate_up, down)` of each layer takes its own."""
        self.table.copy_(state["model.embed_tokens.weight"])
        self.norm.gain.copy_(state["model.norm.weight"])
        self.head.weight.copy_(state["lm_head.weight"])
        for n, layer in enumerate(self.layers):
            at = f"model.layers.{n}."
            layer.first.gain.copy_(state[f"{at}input_layernorm.weight"])
            layer.second.gain.copy_(state[f"{at}post_attention_layernorm.weight"])
            layer.qkv.weight.copy_(torch.cat([state[f"{at}self_attn.{p}_proj.weight"] for p in "qkv"]))
            layer.out.weight.copy_(state[f"{at}self_attn.o_proj.weight"])
            layer.experts.load_experts(
                *(state[f"{at}mlp.{p}"] for p in ("gate.weight", "experts.gate_up_proj", "experts.down_proj"))
            )


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[B, T, H, E] turned by its positions, halves paired."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)

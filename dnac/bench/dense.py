"""A dense transformer as fast as plain torch writes it: the net that a routed one must be measured against.

Angles of rotary positions are tables made once, queries, keys and values one product, attention torch's own (its
scaled_dot_product_attention picks cuDNN or Flash), weights of a linear layer [out, in] as the fastest products want
them, and cast once a step where products are narrower. Everything from ids to loss is one graph for the compiler.

B sequences, T tokens, D width, H heads, G heads of keys and values, E head width, V outputs.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnac import catalogue
from dnac.bench.base import NoBaseline, Program, Routes, Task, Types, mean_loss
from dnac.bench.shape import Twin
from dnac.ir.form import Form
from dnac.kinds.module.attention import AttentionParams
from dnac.kinds.module.mlp import MlpParams
from dnac.lowering import cuda_graphs

EPSILON = 1e-5


class Linear(nn.Module):
    """`x W^T` in the compute type; W [out, in] is kept in the type of weights."""

    def __init__(self, inner: int, outer: int, types: Types) -> None:
        super().__init__()
        self.compute = types.compute
        self.weight = nn.Parameter(torch.empty(outer, inner, dtype=types.weights).normal_(std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        return F.linear(x, self.weight.to(self.compute))


class Norm(nn.Module):
    """Layer or rms norm over the width, in float32 or wider, given in the compute type."""

    def __init__(self, kind: Form, width: int, types: Types) -> None:
        super().__init__()
        self.kind, self.types = kind.name, types
        self.gain = None if kind.name == "none" else nn.Parameter(torch.ones(width, dtype=types.weights))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] to [..., D]."""
        if self.gain is None:
            return x.to(self.types.compute)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        gain = self.gain.to(wide.dtype)
        if self.kind == "rms":  # written out: one fused kernel, whatever torch's own operation becomes
            scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPSILON)
            return (wide * scale * gain).to(self.types.compute)
        return F.layer_norm(wide, (x.shape[-1],), gain, None, EPSILON).to(self.types.compute)


class Attention(nn.Module):
    """Norm, one product for q, k and v, rotation, attention, projection."""

    def __init__(self, params: AttentionParams, width: int, types: Types) -> None:
        super().__init__()
        inner = params.width or width
        self.heads, self.groups = params.heads, params.kv_heads or params.heads
        self.head = inner // params.heads
        self.causal, self.turns = bool(params.causal), params.positions.name == "rope"
        self.norm = Norm(params.norm, width, types)
        self.qkv = Linear(width, inner + 2 * self.groups * self.head, types)
        self.out = Linear(inner, width, types)

    def forward(self, x: Tensor, cos: Tensor | None, sin: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """The increment: [B, T, D] to [B, T, D]; `cos` and `sin` [T, 1, E / 2] or [B, T, 1, E / 2].

        `mask` [B, 1, 1, T]: which keys there are, for attention that is not causal.
        """
        B, T = x.shape[:2]
        H, G, E = self.heads, self.groups, self.head
        q, k, v = self.qkv(self.norm(x)).view(B, T, H + 2 * G, E).split((H, G, G), dim=2)
        if self.turns and cos is not None and sin is not None:
            q, k = turned(q, cos, sin), turned(k, cos, sin)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        seen = F.scaled_dot_product_attention(q, k, v, mask, is_causal=self.causal, enable_gqa=G != H)
        return self.out(seen.transpose(1, 2).reshape(B, T, H * E))


class Mlp(nn.Module):
    """Norm, up, activation, down."""

    def __init__(self, params: MlpParams, width: int, types: Types) -> None:
        super().__init__()
        kind = catalogue.get("activation", params.activation.name)
        hidden = params.hidden or 4 * width
        self.activate = kind.activate
        self.norm = Norm(params.norm, width, types)
        self.up = Linear(width, 2 * hidden if kind.is_gated else hidden, types)
        self.down = Linear(hidden, width, types)

    def forward(self, x: Tensor, cos: Tensor | None, sin: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """The increment: [B, T, D] to [B, T, D]. A token sees itself alone."""
        return self.down(self.activate(self.up(self.norm(x))))


class DenseNet(nn.Module):
    """Embed, parts in sequence, head: a GPT, or a ViT."""

    def __init__(self, twin: Twin, types: Types, tokens: int) -> None:
        super().__init__()
        width = twin.graph.width
        self.ends = Ends(twin, types)
        self.parts = nn.ModuleList(part_of(params, width, types) for params in twin.parts)
        self.angles = Angles(twin.parts, width, tokens)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Ids [B, T] or images [B, height, width, channels], and targets, to the loss."""
        return mean_loss(self.logits(inputs), targets)

    def logits(self, inputs: Tensor) -> Tensor:
        """[B, T, V], or [B, classes]."""
        x = self.ends.embedded(inputs)
        for part in self.parts:
            x = x + part(x, self.angles.cos, self.angles.sin).to(x.dtype)
        return self.ends.logits(x)


class Angles(nn.Module):
    """cos and sin [T, 1, E / 2] of rotary positions, made once, in float32; None without rotation."""

    cos: Tensor | None
    sin: Tensor | None

    def __init__(self, parts: Iterable[AttentionParams | MlpParams], width: int, tokens: int) -> None:
        super().__init__()
        turned = {_rotation(p, width) for p in parts if isinstance(p, AttentionParams) and p.positions.name == "rope"}
        if len(turned) > 1:
            raise NoBaseline("the net has rotary positions of several kinds")
        made: dict[str, Tensor] = {}
        for base, head in turned:
            rates = base ** -(torch.arange(0, head, 2, dtype=torch.float64) / head)
            angle = torch.outer(torch.arange(tokens, dtype=torch.float64), rates)[:, None]
            made = {"cos": angle.cos().float(), "sin": angle.sin().float()}
        for name in ("cos", "sin"):
            self.register_buffer(name, made.get(name), persistent=False)


class Ends(nn.Module):
    """What stands before and behind the blocks: embed, positions, last norm, head."""

    def __init__(self, twin: Twin, types: Types) -> None:
        super().__init__()
        graph, ends = twin.graph, twin.ends
        width, self.types, self.is_text = graph.width, types, graph.is_text
        if self.is_text:
            self.table = nn.Parameter(torch.empty(ends.outputs, width, dtype=types.weights).normal_(std=0.02))
        else:
            self.patch, self.grid = ends.embed.size, tuple(side // ends.embed.size for side in ends.source.size)
            self.projection = Linear(ends.embed.size**2 * ends.source.channels, width, types)
            has_first = ends.embed.class_token
            self.first = nn.Parameter(torch.zeros(width, dtype=types.weights)) if has_first else None
            self.pools = ends.head.pool == "mean"
        self.positions = _positions(ends.embed.positions, graph.tokens, width, types)
        self.norm = Norm(ends.head.norm, width, types)
        is_tied = self.is_text and (ends.head.tied or ends.head.table is not None)
        self.head = None if is_tied else Linear(width, ends.outputs, types)

    def logits(self, x: Tensor) -> Tensor:
        """The stream [B, T, D] to [B, T, V] or [B, classes]."""
        x = self.norm(x)
        if not self.is_text:
            x = x.to(torch.promote_types(x.dtype, torch.float32))
            x = (x.mean(1) if self.pools else x[:, 0]).to(self.types.compute)
        return F.linear(x, self.table.to(self.types.compute)) if self.head is None else self.head(x)

    def embedded(self, inputs: Tensor) -> Tensor:
        """Inputs to the stream [B, T, D]."""
        if self.is_text:
            x = F.embedding(inputs, self.table)
        else:
            p, (rows, columns) = self.patch, self.grid
            cut = inputs.to(self.types.compute).unflatten(2, (columns, p)).unflatten(1, (rows, p))
            x = self.projection(cut.transpose(2, 3).flatten(3).flatten(1, 2))
            if self.first is not None:
                x = torch.cat((self.first.to(x.dtype).expand(len(x), 1, -1), x), dim=1)
        x = x if self.positions is None else x + self.positions[: x.shape[1]]
        return x.to(self.types.stream)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys [B, T, H, E] turned by their positions."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def part_of(params: AttentionParams | MlpParams, width: int, types: Types) -> Attention | Mlp:
    """One part of a block."""
    if isinstance(params, AttentionParams):
        return Attention(params, width, types)
    return Mlp(params, width, types)


def program(task: Task, name: str, twin: Twin) -> Program:
    """The twin on the task's device, compiled as one graph if asked for."""
    torch.manual_seed(task.seed)
    with torch.device(task.device):
        net = DenseNet(twin, task.types, task.length)
    if task.compile:
        net.compile(fullgraph=True, dynamic=False, options=cuda_graphs.options({}, cuda_graphs=task.cuda_graphs))

    def loss(inputs: Tensor, targets: Tensor, routes: Routes) -> Tensor:
        return net(inputs, targets)

    backend = next((_backend(p, task) for p in twin.parts if isinstance(p, AttentionParams)), None)
    return Program(name, net, loss, {"attention": backend} if backend else {})


def _rotation(params: AttentionParams, width: int) -> tuple[float, int]:
    return float(str(params.positions["base"])), (params.width or width) // params.heads


def _backend(params: AttentionParams, task: Task) -> str:
    """Which of torch's attention kernels serves this shape here."""
    from torch.nn.attention import SDPBackend

    head = (params.width or task.graph.width) // params.heads
    shape = (task.batch, params.heads, task.length, head)
    q = torch.empty(shape, dtype=task.types.compute, device=task.device, requires_grad=True)
    return SDPBackend(torch.ops.aten._fused_sdp_choice(q, q, q, is_causal=bool(params.causal))).name.lower()


def _positions(kind: Form, tokens: int, width: int, types: Types) -> nn.Parameter | None:
    match kind.name:
        case "learned":
            return nn.Parameter(torch.empty(tokens, width, dtype=types.weights).normal_(std=0.02))
        case "sinusoid":
            add = catalogue.get("positions", "sinusoid").add
            return nn.Parameter(add({}, tokens, torch.empty(1, width, dtype=types.weights)), requires_grad=False)
        case _:
            return None

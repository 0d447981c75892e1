"""Layers of experts by others: torchtitan's, Liger's fused kernels, ScatterMoE's kernels, and plain torch.

None of them is part of dnac: each is imported from its own package, which must be on the path. What their layers do
not hold (a router for Liger and ScatterMoE) is written here as plainly as can be and compiled.
"""

from __future__ import annotations

import types
from functools import partial

import torch
from packages import bare
from shape import Shape
from torch import Tensor, nn
from torch.nn import functional as F


class Routed(nn.Module):
    """Router and weights [M, ...] of experts, as Hugging Face's Mixtral has them."""

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype) -> None:
        super().__init__()
        self.shape, self.compute_dtype = shape, compute
        D, M, hidden = shape.width, shape.experts, shape.hidden
        self.gate = nn.Parameter(torch.empty(M, D, dtype=weights))
        self.gate_up = nn.Parameter(torch.empty(M, 2 * hidden, D, dtype=weights))
        self.down = nn.Parameter(torch.empty(M, D, hidden, dtype=weights))

    def choose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows [N, D] to weights and experts [N, k]: softmax over all, the k best renormalised."""
        scores = F.linear(x, self.gate.to(x.dtype)).float().softmax(-1)
        ids: list[Tensor] = []
        left = scores.detach()
        slots = torch.arange(left.shape[-1], device=x.device)
        for _ in range(self.shape.k):  # a few rounds of argmax compile into one kernel; topk is another
            ids.append(left.argmax(-1, keepdim=True))
            left = left.masked_fill(slots == ids[-1], -1.0)
        chosen = torch.cat(ids, -1)
        best = scores.gather(-1, chosen)
        return best / best.sum(-1, keepdim=True), chosen

    @torch.no_grad()
    def load_experts(self, gate: Tensor, gate_up: Tensor, down: Tensor) -> None:
        """Router [M, D], gate and up [M, 2 I, D], down [M, D, I]."""
        self.gate.copy_(gate)
        self.gate_up.copy_(gate_up)
        self.down.copy_(down)


class Plain(Routed):
    """What one writes with torch alone: sort, gather, grouped products, back by the inverse order, weighted sum."""

    def forward(self, normed: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x = normed.flatten(0, -2)
        weights, ids = self.choose(x)
        flat = ids.flatten()
        order = torch.argsort(flat, stable=True)
        ends = torch.searchsorted(
            flat[order].contiguous(), torch.arange(1, self.shape.experts + 1, device=x.device)
        ).int()
        rows = x[order // self.shape.k]
        c = self.compute_dtype
        grouped = F.grouped_mm if hasattr(F, "grouped_mm") else torch._grouped_mm
        g, u = grouped(rows, self.gate_up.to(c).transpose(1, 2), offs=ends).chunk(2, -1)
        y = grouped(F.silu(g) * u, self.down.to(c).transpose(1, 2), offs=ends)
        back = torch.empty_like(order).scatter_(0, order, torch.arange(order.numel(), device=x.device))
        y = (y[back].unflatten(0, (-1, self.shape.k)).float() * weights[..., None]).sum(1)
        return y.to(normed.dtype).view(normed.shape)


class Loop(Routed):
    """Expert by expert, in any type on any device: for rehearsals."""

    def forward(self, normed: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x = normed.flatten(0, -2)
        weights, ids = self.choose(x)
        out, c = torch.zeros_like(x), self.compute_dtype
        for e in range(self.shape.experts):
            row, slot = torch.where(ids == e)
            g, u = F.linear(x[row], self.gate_up[e].to(c)).chunk(2, -1)
            y = F.linear(F.silu(g) * u, self.down[e].to(c)) * weights[row, slot, None].to(c)
            out = out.index_add(0, row, y)
        return out.view(normed.shape)


class Liger(Routed):
    """liger-kernel's LigerFusedMoEFunction (gather, product and SwiGLU in one Triton kernel), our router."""

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype, compiles: bool = True) -> None:
        super().__init__(shape, weights, compute)
        from liger_kernel.ops.fused_moe import LigerFusedMoEFunction

        self.fused = LigerFusedMoEFunction
        if compiles:
            self.choose = torch.compile(self.choose, fullgraph=True, dynamic=False)

    def forward(self, normed: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x, c = normed.flatten(0, -2), self.compute_dtype
        weights, ids = self.choose(x)
        y = self.fused.apply(x, self.gate_up.to(c), self.down.to(c), ids.int(), weights.to(c))
        return y.view(normed.shape)


class Scatter(Routed):
    """ScatterMoE's kernels, as fms-acceleration-moe ships and uses them, our router.

    Its products want [M, in, out], and gate and up stay one product.
    """

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype, compiles: bool = True) -> None:
        super().__init__(shape, weights, compute)
        self.kernels = scatter_kernels()
        self.gate_up = nn.Parameter(self.gate_up.detach().transpose(1, 2).contiguous())
        self.down = nn.Parameter(self.down.detach().transpose(1, 2).contiguous())
        self.act = swiglu
        if compiles:
            self.choose = torch.compile(self.choose, fullgraph=True, dynamic=False)
            self.act = torch.compile(swiglu, fullgraph=True, dynamic=False)

    def forward(self, normed: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        x, c, k = normed.flatten(0, -2), self.compute_dtype, self.shape.k
        weights, ids = self.choose(x)
        experts, order = torch.sort(ids.flatten())
        with torch.no_grad():
            blocks, ends = self.kernels.padded_block_indices(experts, self.shape.experts)
        run = partial(self.kernels.scattered_experts, sorted_expert_idxs=experts, sorted_scattered_idxs=order,
                      padded_block_idxs=blocks, expert_offsets=ends)  # fmt: skip
        inner = self.act(run(x, self.gate_up.to(c), k, grouped_out=True))
        y = run(inner, self.down.to(c), 1, grouped_in=True, gates=weights.to(c))
        return y.view(normed.shape)

    @torch.no_grad()
    def load_experts(self, gate: Tensor, gate_up: Tensor, down: Tensor) -> None:
        """As `Routed`, turned."""
        super().load_experts(gate, gate_up.transpose(1, 2), down.transpose(1, 2))


class Titan(nn.Module):
    """torchtitan's MoE with its own router: softmax, renormalised, weights after the experts, nothing shared."""

    def __init__(self, shape: Shape, weights: torch.dtype, compute: torch.dtype) -> None:
        super().__init__()
        moe = titan_moe()
        args = moe.MoEArgs(
            num_experts=shape.experts, num_shared_experts=0, score_func="softmax", route_norm=True,
            score_before_experts=False, top_k=shape.k, load_balance_coeff=None,
        )  # fmt: skip
        self.moe = moe.MoE(args, dim=shape.width, hidden_dim=shape.hidden).to(weights)
        self.moe.tokens_per_expert = self.moe.tokens_per_expert.float()
        self.compute_dtype = compute
        torch._dynamo.config.capture_scalar_outputs = True  # as its `apply_compile` sets it

    def forward(self, normed: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        return self.moe(normed)

    @torch.no_grad()
    def load_experts(self, gate: Tensor, gate_up: Tensor, down: Tensor) -> None:
        """Router [M, D], gate and up [M, 2 I, D], down [M, D, I]."""
        self.moe.router.gate.weight.copy_(gate)
        w1, w3 = gate_up.chunk(2, dim=1)
        self.moe.experts.w1.copy_(w1)
        self.moe.experts.w3.copy_(w3)
        self.moe.experts.w2.copy_(down)


def swiglu(x: Tensor) -> Tensor:
    """silu(gate) * up."""
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


def titan_moe() -> types.ModuleType:
    """torchtitan.models.moe.moe, without what the package's own front imports besides."""
    bare("torchtitan", "torchtitan.models")
    import torchtitan.models.moe.moe as moe

    return moe


def scatter_kernels() -> types.ModuleType:
    """The kernels' module of fms-acceleration-moe, without the plug-in around it."""
    bare("fms_acceleration_moe", "fms_acceleration_moe.utils", "fms_acceleration_moe.utils.scattermoe_utils")
    from fms_acceleration_moe.utils.scattermoe_utils.khd.kernels import ops

    return ops

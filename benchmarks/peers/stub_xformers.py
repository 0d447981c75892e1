"""A stand-in for xformers, whose wheel does not load with every torch: the one function and mask that the authors use.

`memory_efficient_attention` runs torch's variable-length attention on the mask's own segments (on the CPU: a loop
over them). Like the original, a mask is made from a list of lengths on the host.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import accumulate
from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F


class AttentionBias:
    """The base class, for annotations."""


@dataclass
class BlockDiagonalMask(AttentionBias):
    """Rows see the rows of their own segment."""

    lengths: list[int]

    @classmethod
    def from_seqlens(cls, seqlens: list[int]) -> BlockDiagonalMask:
        """Segments that follow one another."""
        return cls(seqlens)


def memory_efficient_attention(q: Tensor, k: Tensor, v: Tensor, attn_bias: BlockDiagonalMask) -> Tensor:
    """[1, N, H, E] to [1, N, H, E]."""
    if q.device.type == "cuda":
        from torch.nn.attention.varlen import varlen_attn

        ends = torch.tensor([0, *accumulate(attn_bias.lengths)], dtype=torch.int32).to(q.device, non_blocking=True)
        longest = max(attn_bias.lengths)
        q, k, v = (each[0].contiguous() for each in (q, k, v))
        return varlen_attn(q, k, v, ends, ends, longest, longest)[None]
    parts = (each[0].transpose(0, 1).split(attn_bias.lengths, dim=1) for each in (q, k, v))
    seen = [F.scaled_dot_product_attention(*segment) for segment in zip(*parts, strict=True)]
    return torch.cat(seen, dim=1).transpose(0, 1)[None]


def install() -> None:
    """Put it in the place of xformers."""
    names = ("xformers", "xformers.ops", "xformers.ops.fmha", "xformers.ops.fmha.attn_bias")
    made = {name: ModuleType(name) for name in names}
    made["xformers.ops"].memory_efficient_attention = memory_efficient_attention
    made["xformers.ops"].unbind = torch.unbind
    made["xformers.ops.fmha.attn_bias"].BlockDiagonalMask = BlockDiagonalMask
    made["xformers.ops.fmha.attn_bias"].AttentionBias = AttentionBias
    sys.modules.update(made)

"""Attention among rows of one (module, sequence): our kernel at several tiles, FlexAttention, varlen, dense cuDNN.

N = 32 x 1024 rows, 12 heads of 64, rope, bf16, uniform choices of M modules. Milliseconds, medians of 20.
"""

from __future__ import annotations

import json
import sys

import torch
from primitives import ms
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.attention.varlen import varlen_attn

from dnac.lowering.kernels import segments

N, B, T, H, E = 32 * 1024, 32, 1024, 12, 64


def sorted_rows(M: int) -> tuple[torch.Tensor, ...]:
    """key, positions, ends of uniform choices."""
    ids = torch.randint(M, (N,), device="cuda")
    ordered, order = torch.sort(ids, stable=True)
    key = (ordered * B + order // T).to(torch.int32)
    ends = torch.bincount(ids, minlength=M).cumsum(0).to(torch.int32)
    return key, (order % T).to(torch.int32), ends


def ours(M: int, qkv: torch.Tensor, grad: torch.Tensor, tile: tuple[int, int, int, int]) -> list[float]:
    """Forward, and backward; a tile is its rows, warps, stages and registers (0: as many as it wants)."""
    block, warps, stages, registers = tile
    segments.BLOCK = block
    limit = {"maxnreg": registers} if registers else {}
    segments.LAUNCH = segments.LAUNCH_DQ = {"num_warps": warps, "num_stages": stages, **limit}
    key, pos, ends = sorted_rows(M)
    first, last = segments.segment_blocks(key)
    table = torch.rand(N, E, device="cuda").half()
    run = lambda: segments.segment_attention(qkv, key, pos, first, last, ends, table, [H, H, E], True, 0)[0]
    out, lse = segments.segment_attention(qkv.detach(), key, pos, first, last, ends, table, [H, H, E], True, 0)
    back = lambda: segments.segment_attention_grad(
        grad, out, lse, qkv.detach(), key, pos, first, last, ends, table, [H, H, E], True, 0
    )
    return [ms(run), ms(back)]


def main() -> None:
    """Print one line for each."""
    torch.manual_seed(0)
    qkv = torch.randn(N, 3 * H * E, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    grad = torch.randn(N, H * E, device="cuda", dtype=torch.bfloat16)
    for M in (16, 64):
        for tile in (
            (64, 4, 1, 0),
            (64, 4, 1, 128),
            (64, 4, 1, 160),
            (64, 4, 1, 96),
            (64, 2, 1, 0),
            (32, 2, 1, 0),
            (32, 1, 1, 0),
            (64, 8, 1, 0),
        ):
            try:
                print(json.dumps({"ours": [M, *tile], "ms": ours(M, qkv, grad, tile)}), flush=True)
            except Exception as error:
                print(json.dumps({"ours": [M, *tile], "failed": str(error)[:80]}), flush=True)
        if "--peers" in sys.argv:
            peers(M, qkv, grad)


def peers(M: int, qkv: torch.Tensor, grad: torch.Tensor) -> None:
    """Torch's own, on queries and keys that are turned already."""
    key, _, _ = sorted_rows(M)
    q, k, v = qkv.view(N, 3, H, E).unbind(1)
    edges = torch.searchsorted(key, torch.arange(M * B + 1, device="cuda", dtype=torch.int32)).to(torch.int32)
    run = lambda: varlen_attn(q, k, v, edges, edges, T, T, window_size=(-1, 0))
    out = run()
    found = {"varlen": [ms(run), ms(lambda: torch.autograd.grad(out, qkv, grad.view_as(out), retain_graph=True))]}
    blocks = N // 128
    i = torch.arange(blocks, device="cuda")
    low = torch.searchsorted(key, key[::128].contiguous()) // 128
    number = (i - low + 1).to(torch.int32)[None, None]
    index = (low[:, None] + i[None, :]).clamp(max=blocks - 1).to(torch.int32)[None, None].contiguous()
    mask = BlockMask.from_kv_blocks(
        number, index, BLOCK_SIZE=128, mask_mod=lambda b, h, x, y: (x >= y) & (key[x] == key[y]), seq_lengths=(N, N)
    )
    flex = torch.compile(flex_attention)
    turn = lambda t: t.transpose(0, 1)[None]
    run = lambda: flex(turn(q), turn(k), turn(v), block_mask=mask)
    seen = run()
    like = torch.randn_like(seen)
    found["flex"] = [ms(run), ms(lambda: torch.autograd.grad(seen, qkv, like, retain_graph=True))]
    heads = lambda t: t.reshape(B, T, H, E).transpose(1, 2)
    run = lambda: F.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=True)
    dense = run()
    like = torch.randn_like(dense)
    found["dense"] = [ms(run), ms(lambda: torch.autograd.grad(dense, qkv, like, retain_graph=True))]
    print(json.dumps({"peers": M, **found}), flush=True)


if __name__ == "__main__":
    main()

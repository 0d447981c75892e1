"""`dnac::segment_attention`: softmax attention among sorted rows of one (module, sequence).

Rows of a segment are contiguous and in order of position, so what a block of queries can see lies
between the first row of its first segment and itself (causal) or the last row of its last segment:
no mask is stored and no grid scanned. Queries and keys are turned (rope) as they are loaded, so the
turned ones are never written. The online softmax is that of FlashAttention (Dao, arXiv 2307.08691).

N rows, H heads, G heads of keys and values, E head width, packed [N, (H + 2 G) E].
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dnac.lowering.operators import operator, shapes_of

BLOCK = 64
"""Rows of a tile, of queries and of keys."""
LAUNCH = {"num_warps": 4, "num_stages": 1}
"""More stages take shared memory from other programs, and segments are short: slower on H200."""
LAUNCH_DQ = {**LAUNCH, "maxnreg": 160}
"""With fewer registers more programs share a processor: 0.17 against 0.23 ms on H200; no gain for dk and dv."""
_LOG2E = 1.4426950408889634


@triton.jit
def _turned(x, rows, ok, table, SCALE, E: tl.constexpr, ROPE: tl.constexpr, WIDTH):
    """Both halves of a head's rows, turned by their positions and scaled; in the type of x."""
    half = tl.arange(0, E // 2)
    place = x + rows.to(tl.int64)[:, None] * WIDTH + half[None, :]
    a = tl.load(place, mask=ok[:, None], other=0.0).to(tl.float32)
    b = tl.load(place + E // 2, mask=ok[:, None], other=0.0).to(tl.float32)
    if ROPE:
        angle = table + rows.to(tl.int64)[:, None] * E + half[None, :]
        c = tl.load(angle, mask=ok[:, None], other=0.0).to(tl.float32)
        s = tl.load(angle + E // 2, mask=ok[:, None], other=0.0).to(tl.float32)
        a, b = a * c - b * s, b * c + a * s
    return (a * SCALE).to(x.dtype.element_ty), (b * SCALE).to(x.dtype.element_ty)


@triton.jit
def _store_turned_back(x, da, db, rows, ok, table, E: tl.constexpr, ROPE: tl.constexpr, WIDTH):
    half = tl.arange(0, E // 2)
    if ROPE:
        angle = table + rows.to(tl.int64)[:, None] * E + half[None, :]
        c = tl.load(angle, mask=ok[:, None], other=0.0).to(tl.float32)
        s = tl.load(angle + E // 2, mask=ok[:, None], other=0.0).to(tl.float32)
        da, db = da * c + db * s, db * c - da * s
    place = x + rows.to(tl.int64)[:, None] * WIDTH + half[None, :]
    tl.store(place, da.to(x.dtype.element_ty), mask=ok[:, None])
    tl.store(place + E // 2, db.to(x.dtype.element_ty), mask=ok[:, None])


@triton.jit
def _places(key, pos, rows, ok, NONE: tl.constexpr, WINDOW: tl.constexpr):
    """Segments of rows, and their positions where a window asks for them (a row always sees itself)."""
    where = tl.load(key + rows, mask=ok, other=NONE)
    if WINDOW > 0:
        rows = tl.load(pos + rows, mask=ok, other=0)
    return where, rows


@triton.jit
def _seen(rq, rk, kq, kk, pq, pk, CAUSAL: tl.constexpr, WINDOW: tl.constexpr):
    seen = kq[:, None] == kk[None, :]
    if CAUSAL:
        seen = seen & (rq[:, None] >= rk[None, :])
    if WINDOW > 0:
        gap = pq[:, None] - pk[None, :]
        seen = seen & (gap < WINDOW) & (gap > -WINDOW)
    return seen


@triton.jit
def _attend(
    qkv, key, pos, first, last, ends, table, out, lse, SCALE, WIDTH, WIDE, LAST,
    H: tl.constexpr, G: tl.constexpr, E: tl.constexpr, ROPE: tl.constexpr, CAUSAL: tl.constexpr,
    WINDOW: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    h, block = tl.program_id(0), tl.program_id(1)
    start = block * BLOCK
    if start < count:
        rq = start + tl.arange(0, BLOCK)
        okq = rq < count
        kq, pq = _places(key, pos, rq, okq, -1, WINDOW)
        qa, qb = _turned(qkv + h * E, rq, okq, table, SCALE, E, ROPE, WIDTH)
        k_at, v_at = qkv + (H + h // (H // G)) * E, qkv + (H + G + h // (H // G)) * E
        dims = tl.arange(0, E)
        top = tl.full([BLOCK], -1e30, tl.float32)
        total = tl.zeros([BLOCK], tl.float32)
        acc = tl.zeros([BLOCK, E], tl.float32)
        low = tl.load(first + block) // BLOCK * BLOCK
        high = tl.minimum(start + BLOCK, count) if CAUSAL else tl.minimum(tl.load(last + block), count)
        for c in range(low, high, BLOCK):
            rk = c + tl.arange(0, BLOCK)
            okk = rk < count
            kk, pk = _places(key, pos, rk, okk, -2, WINDOW)
            ka, kb = _turned(k_at, rk, okk, table, 1.0, E, ROPE, WIDTH)
            s = tl.dot(qa, tl.trans(ka), input_precision=PRECISION)
            s = tl.dot(qb, tl.trans(kb), s, input_precision=PRECISION)
            s = tl.where(_seen(rq, rk, kq, kk, pq, pk, CAUSAL, WINDOW), s, -float("inf"))
            higher = tl.maximum(top, tl.max(s, 1))
            fade = tl.exp2(top - higher)
            p = tl.exp2(s - higher[:, None])
            v = tl.load(v_at + rk.to(tl.int64)[:, None] * WIDTH + dims[None, :], mask=okk[:, None], other=0.0)
            total = total * fade + tl.sum(p, 1)
            acc = tl.dot(p.to(v.dtype), v, acc * fade[:, None], input_precision=PRECISION)
            top = higher
        acc = acc / total[:, None]
        place = out + rq.to(tl.int64)[:, None] * WIDE + h * E + dims[None, :]
        tl.store(place, acc.to(out.dtype.element_ty), mask=okq[:, None])
        tl.store(lse + rq.to(tl.int64) * H + h, top + tl.log2(total), mask=okq)


@triton.jit
def _attend_dq(
    dout, out, qkv, key, pos, first, last, ends, table, lse, delta, dqkv, SCALE, WIDTH, WIDE, LAST,
    H: tl.constexpr, G: tl.constexpr, E: tl.constexpr, ROPE: tl.constexpr, CAUSAL: tl.constexpr,
    WINDOW: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    h, block = tl.program_id(0), tl.program_id(1)
    start = block * BLOCK
    if start < count:
        rq = start + tl.arange(0, BLOCK)
        okq = rq < count
        kq, pq = _places(key, pos, rq, okq, -1, WINDOW)
        qa, qb = _turned(qkv + h * E, rq, okq, table, SCALE, E, ROPE, WIDTH)
        k_at, v_at = qkv + (H + h // (H // G)) * E, qkv + (H + G + h // (H // G)) * E
        dims = tl.arange(0, E)
        at = rq.to(tl.int64)[:, None] * WIDE + h * E + dims[None, :]
        grad = tl.load(dout + at, mask=okq[:, None], other=0.0)
        seen_out = tl.load(out + at, mask=okq[:, None], other=0.0)
        along = tl.sum(grad.to(tl.float32) * seen_out.to(tl.float32), 1)
        tl.store(delta + rq.to(tl.int64) * H + h, along, mask=okq)
        height = tl.load(lse + rq.to(tl.int64) * H + h, mask=okq, other=0.0)
        da = tl.zeros([BLOCK, E // 2], tl.float32)
        db = tl.zeros([BLOCK, E // 2], tl.float32)
        low = tl.load(first + block) // BLOCK * BLOCK
        high = tl.minimum(start + BLOCK, count) if CAUSAL else tl.minimum(tl.load(last + block), count)
        for c in range(low, high, BLOCK):
            rk = c + tl.arange(0, BLOCK)
            okk = rk < count
            kk, pk = _places(key, pos, rk, okk, -2, WINDOW)
            ka, kb = _turned(k_at, rk, okk, table, 1.0, E, ROPE, WIDTH)
            s = tl.dot(qa, tl.trans(ka), input_precision=PRECISION)
            s = tl.dot(qb, tl.trans(kb), s, input_precision=PRECISION)
            p = tl.where(_seen(rq, rk, kq, kk, pq, pk, CAUSAL, WINDOW), tl.exp2(s - height[:, None]), 0.0)
            v = tl.load(v_at + rk.to(tl.int64)[:, None] * WIDTH + dims[None, :], mask=okk[:, None], other=0.0)
            dp = tl.dot(grad, tl.trans(v), input_precision=PRECISION)
            ds = (p * (dp - along[:, None])).to(v.dtype)
            da = tl.dot(ds, ka, da, input_precision=PRECISION)
            db = tl.dot(ds, kb, db, input_precision=PRECISION)
        scale = SCALE * 0.6931471805599453  # the slope of 2^x is ln 2 of it
        _store_turned_back(dqkv + h * E, da * scale, db * scale, rq, okq, table, E, ROPE, WIDTH)


@triton.jit
def _attend_dkv(
    dout, qkv, key, pos, first, last, ends, table, lse, delta, dqkv, SCALE, WIDTH, WIDE, LAST,
    H: tl.constexpr, G: tl.constexpr, E: tl.constexpr, ROPE: tl.constexpr, CAUSAL: tl.constexpr,
    WINDOW: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    count = tl.load(ends + LAST)
    g, block = tl.program_id(0), tl.program_id(1)
    start = block * BLOCK
    if start < count:
        rk = start + tl.arange(0, BLOCK)
        okk = rk < count
        kk, pk = _places(key, pos, rk, okk, -2, WINDOW)
        ka, kb = _turned(qkv + (H + g) * E, rk, okk, table, 1.0, E, ROPE, WIDTH)
        dims = tl.arange(0, E)
        v_at = (H + G + g) * E + rk.to(tl.int64)[:, None] * WIDTH + dims[None, :]
        v = tl.load(qkv + v_at, mask=okk[:, None], other=0.0)
        da = tl.zeros([BLOCK, E // 2], tl.float32)
        db = tl.zeros([BLOCK, E // 2], tl.float32)
        dv = tl.zeros([BLOCK, E], tl.float32)
        low = start if CAUSAL else tl.load(first + block) // BLOCK * BLOCK
        high = tl.minimum(tl.load(last + block), count)
        for n in range(H // G):
            h = g * (H // G) + n
            for c in range(low, high, BLOCK):
                rq = c + tl.arange(0, BLOCK)
                okq = rq < count
                kq, pq = _places(key, pos, rq, okq, -1, WINDOW)
                qa, qb = _turned(qkv + h * E, rq, okq, table, SCALE, E, ROPE, WIDTH)
                at = rq.to(tl.int64)[:, None] * WIDE + h * E + dims[None, :]
                grad = tl.load(dout + at, mask=okq[:, None], other=0.0)
                height = tl.load(lse + rq.to(tl.int64) * H + h, mask=okq, other=0.0)
                along = tl.load(delta + rq.to(tl.int64) * H + h, mask=okq, other=0.0)
                s = tl.dot(qa, tl.trans(ka), input_precision=PRECISION)
                s = tl.dot(qb, tl.trans(kb), s, input_precision=PRECISION)
                p = tl.where(_seen(rq, rk, kq, kk, pq, pk, CAUSAL, WINDOW), tl.exp2(s - height[:, None]), 0.0)
                dv = tl.dot(tl.trans(p.to(grad.dtype)), grad, dv, input_precision=PRECISION)
                dp = tl.dot(grad, tl.trans(v), input_precision=PRECISION)
                ds = tl.trans((p * (dp - along[:, None])).to(grad.dtype))
                da = tl.dot(ds, qa, da, input_precision=PRECISION)
                db = tl.dot(ds, qb, db, input_precision=PRECISION)
        ln2 = 0.6931471805599453
        _store_turned_back(dqkv + (H + g) * E, da * ln2, db * ln2, rk, okk, table, E, ROPE, WIDTH)
        tl.store(dqkv + v_at, dv.to(dqkv.dtype.element_ty), mask=okk[:, None])


def serves(width: int) -> bool:
    """Whether heads of this width are served: powers of two, wide enough for the tensor cores' half."""
    return 32 <= width <= 128 and width & (width - 1) == 0


@operator("packed_table")
def packed_table(cos: Tensor, sin: Tensor, dtype: torch.dtype) -> Tensor:
    """[T, E] cos beside sin; one operator, so that a compiler makes it once."""
    return torch.cat((cos, sin), dim=-1).to(dtype)


@shapes_of(packed_table)
def _(cos: Tensor, sin: Tensor, dtype: torch.dtype) -> Tensor:
    return cos.new_empty((cos.shape[0], 2 * cos.shape[1]), dtype=dtype)


def segment_blocks(key: Tensor) -> tuple[Tensor, Tensor]:
    """Of each block of rows: the first row of its first row's segment, and the end of its last row's. Int32."""
    N = key.shape[0]
    starts = torch.arange(0, N, BLOCK, device=key.device)
    first = torch.searchsorted(key, key[starts], out_int32=True)
    last = torch.searchsorted(key, key[(starts + BLOCK - 1).clamp(max=N - 1)], right=True, out_int32=True)
    return first, last


def _given(table: Tensor | None, like: Tensor) -> Tensor:
    """A kernel that turns nothing reads no table."""
    return like if table is None else table


def _constants(
    heads: list[int], qkv: Tensor, ends: Tensor, is_turned: bool, causal: bool, window: int
) -> dict[str, Any]:
    H, G, E = heads
    return {
        "SCALE": E**-0.5 * _LOG2E, "WIDTH": qkv.shape[1], "WIDE": H * E, "LAST": ends.shape[0] - 1,
        "H": H, "G": G, "E": E, "ROPE": is_turned, "CAUSAL": causal, "WINDOW": window, "BLOCK": BLOCK,
        "PRECISION": "ieee" if qkv.dtype == torch.float32 else "tf32",
    }  # fmt: skip


@operator("segment_attention")
def segment_attention(
    qkv: Tensor, key: Tensor, pos: Tensor, first: Tensor, last: Tensor, ends: Tensor,
    table: Tensor | None, heads: list[int], causal: bool, window: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Packed rows and a `table` of cos beside sin [N, E] to
    [N, H E] what each live row has seen, and [N, H] the base-2 logarithm of its softmax's sum.
    """
    H, _, E = heads
    N = qkv.shape[0]
    out = qkv.new_empty((N, H * E))
    lse = torch.empty((N, H), dtype=torch.float32, device=qkv.device)
    _attend[(H, triton.cdiv(N, BLOCK))](
        qkv,
        key,
        pos,
        first,
        last,
        ends,
        _given(table, qkv),
        out,
        lse,
        **_constants(heads, qkv, ends, table is not None, causal, window),
        **LAUNCH,
    )
    return out, lse


@operator("segment_attention_grad")
def segment_attention_grad(
    dout: Tensor, out: Tensor, lse: Tensor, qkv: Tensor, key: Tensor, pos: Tensor, first: Tensor, last: Tensor,
    ends: Tensor, table: Tensor | None, heads: list[int], causal: bool, window: int,
) -> Tensor:  # fmt: skip
    """Gradient of the packed queries, keys and values."""
    H, G, _ = heads
    blocks = triton.cdiv(qkv.shape[0], BLOCK)
    dqkv, delta, dout = torch.empty_like(qkv), torch.empty_like(lse), dout.contiguous()
    shared = (qkv, key, pos, first, last, ends, _given(table, qkv), lse, delta, dqkv)
    constants = _constants(heads, qkv, ends, table is not None, causal, window)
    _attend_dq[(H, blocks)](dout, out, *shared, **constants, **LAUNCH_DQ)
    _attend_dkv[(G, blocks)](dout, *shared, **constants, **LAUNCH)
    return dqkv


@shapes_of(segment_attention)
def _(qkv: Tensor, key: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    H, _, E = rest[5]
    N = qkv.shape[0]
    return qkv.new_empty((N, H * E)), torch.empty((N, H), dtype=torch.float32, device=qkv.device)


@shapes_of(segment_attention_grad)
def _(dout: Tensor, out: Tensor, lse: Tensor, qkv: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(qkv)


class _Segments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, *given: Any) -> Tensor:
        *tensors, ctx.heads, ctx.causal, ctx.window = given
        out, lse = segment_attention(qkv, *given)
        ctx.save_for_backward(out, lse, qkv, *tensors)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        dqkv = segment_attention_grad(grads[0], *ctx.saved_tensors, ctx.heads, ctx.causal, ctx.window)
        return dqkv, *(None,) * 9


def attended(
    qkv: Tensor, key: Tensor, pos: Tensor, first: Tensor, last: Tensor, ends: Tensor, table: Tensor | None,
    heads: list[int], causal: bool, window: int,
) -> Tensor:  # fmt: skip
    """`segment_attention`'s rows [N, H E], with gradients to qkv. Dead rows: undefined."""
    return _Segments.apply(qkv, key, pos, first, last, ends, table, heads, causal, window)
